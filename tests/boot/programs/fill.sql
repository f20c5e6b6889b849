-- SPDX-License-Identifier: BSD-2-Clause
PRAGMA journal_mode;
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, weight REAL, data BLOB);
CREATE TABLE owner (id INTEGER PRIMARY KEY, item INTEGER REFERENCES item(id), who TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO item SELECT i, 'item-' || (i * 7919 % 100003), i * 0.25, zeroblob(i % 64) FROM n;
COMMIT;
CREATE INDEX by_name ON item(name);
INSERT INTO owner SELECT NULL, id, 'owner ' || id % 17 FROM item WHERE id % 10 = 0;
BEGIN;
DELETE FROM item WHERE id % 3 = 0;
ROLLBACK;
DELETE FROM item WHERE id % 1000 = 999;
SELECT 'filled', count(*) FROM item;
