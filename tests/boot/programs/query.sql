-- SPDX-License-Identifier: BSD-2-Clause
PRAGMA integrity_check;
SELECT count(*), sum(weight), sum(length(data)), min(name), max(name) FROM item;
SELECT id, name FROM item WHERE name BETWEEN 'item-500' AND 'item-5001' ORDER BY name LIMIT 10;
SELECT who, count(*), round(avg(weight), 3) FROM owner JOIN item ON item.id = owner.item GROUP BY who ORDER BY who;
CREATE VIRTUAL TABLE words USING fts5(text);
INSERT INTO words SELECT name FROM item WHERE id < 500;
SELECT count(*) FROM words WHERE words MATCH 'item';
SELECT json_extract('{"a":[1,2,{"b":3}]}', '$.a[2].b'), hex(randomblob(8)) <> '', sqlite_version() > '3';
WITH RECURSIVE fib(a, b) AS (SELECT 0, 1 UNION ALL SELECT b, a + b FROM fib LIMIT 50) SELECT max(a) FROM fib;
UPDATE item SET weight = weight * 2 WHERE id < 100;
SELECT sum(weight) FROM item WHERE id < 100;
VACUUM;
PRAGMA page_count;
