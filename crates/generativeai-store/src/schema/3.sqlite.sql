-- Version 3 adds events of calls that need approval: called, decided, started and answered. Programs that support
-- version 2 alone do not know them. The tables are the same.
SELECT 1;
