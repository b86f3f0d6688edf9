"""Tables: from files, frames and arrays to columns that are read in one way, decided once."""
