-- Version 4 adds an index to PostgreSQL. SQLite finds the names with a prefix by the index of the unique column.
SELECT 1;
