-- Run once, by the superuser, when the database's volume is new. What connects over the network
-- owns one database and is no superuser: a superuser may run programs on the server.
\set password `cat /run/secrets/database_password`
CREATE ROLE study LOGIN PASSWORD :'password';
CREATE DATABASE studies OWNER study;
-- Without a password the superuser comes in through the container's own socket alone.
ALTER ROLE postgres PASSWORD NULL;
