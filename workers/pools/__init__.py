"""Who carries segments out: processes of this machine, Ray, this process, or a simulation."""
