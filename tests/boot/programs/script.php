<?php // SPDX-License-Identifier: BSD-2-Clause
// What PHP asks of a kernel: strings, files, children. It prints the same wherever it runs.
declare(strict_types=1);
enum Suit: string { case Hearts = 'H'; case Spades = 'S'; }
final readonly class Point { public function __construct(public int $x = 0, public int $y = 0) {} }
function fibonacci(): Generator { [$a, $b] = [0, 1]; while (true) { yield $a; [$a, $b] = [$b, $a + $b]; } }
foreach (fibonacci() as $n => $value) { if ($n > 11) break; echo $value, ' '; }
echo "\n", json_encode(['a' => [1, 2.5, null], 'é' => "\u{20ac}"]), ' ', Suit::from('S')->name, ' ', (new Point(3, 4))->y, "\n";
echo intdiv(PHP_INT_MAX, 3), ' ', 0.1 + 0.2, ' ', sprintf('%08.3f|%-6s|%x', M_PI, 'ab', 255), ' ', round(2.5), "\n";
echo preg_replace_callback('/\d+/', fn($m) => (string)($m[0] * 2), 'a1 b22 c333'), ' ', ucwords('hello big world'), "\n";
foreach (['md5', 'sha256', 'crc32b', 'xxh3'] as $name) echo $name, ' ', hash($name, str_repeat('drupe', 1000)), "\n";
$list = range(1, 2000); mt_srand(5); shuffle($list); sort($list);
echo array_sum($list), ' ', count(array_filter($list, fn($n) => $n % 7 === 0)), ' ', serialize(['x' => [true, 1.5]]), "\n";
$folder = sys_get_temp_dir() . '/php-test'; mkdir($folder);
for ($n = 0; $n < 12; $n++) file_put_contents("$folder/f$n.txt", str_repeat("line $n\n", $n), LOCK_EX);
echo count(glob("$folder/*.txt")), ' ', filesize("$folder/f11.txt"), ' ', array_sum(array_map('filesize', glob("$folder/*"))), "\n";
symlink("$folder/f3.txt", "$folder/link"); echo basename(readlink("$folder/link")), ' ', file("$folder/link")[2];
$file = fopen("$folder/f1.txt", 'r+'); flock($file, LOCK_SH); fseek($file, 0, SEEK_END); fwrite($file, 'end'); rewind($file);
echo stream_get_contents($file), ' ', ftruncate($file, 2) ? fstat($file)['size'] : 'no', "\n"; fclose($file);
foreach (new DirectoryIterator($folder) as $entry) if (!$entry->isDot()) unlink($entry->getPathname());
echo rmdir($folder) ? "gone\n" : "left\n", @file_get_contents('/missing') === false ? error_get_last()['message'] : '', "\n";
echo shell_exec('echo from a shell | tr a-z A-Z'); exec('echo one; echo two; exit 3', $lines, $status);
echo implode('+', $lines), " $status\n";
$process = proc_open(['cat'], [['pipe', 'r'], ['pipe', 'w']], $pipes);
fwrite($pipes[0], "through a pipe\n"); fclose($pipes[0]); echo stream_get_contents($pipes[1]), proc_close($process), "\n";
try { intdiv(1, 0); } catch (DivisionByZeroError $e) { echo get_class($e), ': ', $e->getMessage(), "\n"; }
$fiber = new Fiber(function (int $x): int { $y = Fiber::suspend($x * 2); return $x + $y; });
echo $fiber->start(5), ' '; $fiber->resume(7); echo $fiber->getReturn(), ' ', date('Y-m-d', 1000000000), ' ', memory_get_usage() > 0 ? 'ok' : '', "\n";
