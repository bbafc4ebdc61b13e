-- Lists of runs that statements get are short: dozens, seldom hundreds. Without this PostgreSQL reckons with a thousand, and reads
-- the whole table of runs to find fifty of them.
ALTER FUNCTION json_each(TEXT) ROWS 50;
