# SPDX-License-Identifier: BSD-2-Clause
# What Ruby asks of a kernel: threads, fibers, files, children, signals. It prints the same wherever it runs.
require "digest"
require "fileutils"
require "json"
require "open3"
require "set"
require "stringio"
require "tempfile"
require "timeout"
require "tmpdir"
require "zlib"

$stdout.sync = true
puts (1..30).inject(:*), 2**200 % 1_000_007, Rational(1, 3) + 0.5r, Math.sqrt(2), 10.digits.inspect
puts JSON.generate({ "a" => [1, nil, 2.5], "ü" => "\u20ac" }), JSON.parse('{"x":[1,{"y":2}]}').inspect
puts "Hello World".scan(/o\w?/).inspect, "straße".upcase, %w[b a c].sort_by(&:ord).inspect
Point = Struct.new(:x, :y) { def +(other) = Point.new(x + other.x, y + other.y) }
puts (Point.new(1, 2) + Point.new(3, 4)).inspect
case { name: "drupe", size: [1, 2, 3] }
in { name: String => name, size: [first, *rest] }
  puts "#{name} #{first} #{rest}"
end
puts (1..Float::INFINITY).lazy.select(&:even?).map { _1 * 3 }.first(4).inspect, Set[3, 1, 3].size
data = (0...50_000).map { |n| (n * n % 251).chr }.join
puts Digest::SHA256.hexdigest(data), Zlib.crc32(data), Zlib.inflate(Zlib.deflate(data)) == data

queue = SizedQueue.new(3)
sums = 4.times.map { Thread.new { sum = 0; while (n = queue.pop); sum += n; end; sum } }
1000.times { queue << _1 }
4.times { queue << nil }
puts sums.sum(&:value)
fiber = Fiber.new { |x| loop { x = Fiber.yield(x * 2) } }
puts [1, 2, 3].map { fiber.resume(_1) }.inspect
numbers = Enumerator.new { |y| a, b = 0, 1; loop { y << a; a, b = b, a + b } }
puts numbers.take(12).inspect
begin
  Timeout.timeout(0.05) { sleep 10 }
rescue Timeout::Error => e
  puts e.class
end

Dir.mktmpdir do |folder|
  Dir.chdir(folder) do
    FileUtils.mkdir_p("a/b/c")
    File.write("a/b/c/x.txt", "one\ntwo\n")
    File.open("a/b/c/x.txt", "a+") { |f| f.flock(File::LOCK_EX); f.puts "three"; f.rewind; puts f.each_line.map(&:chomp).inspect }
    File.symlink("a/b/c/x.txt", "link")
    puts File.readlink("link"), File.stat("link").size, File.lstat("link").symlink?, Dir.glob("**/*").sort.inspect
    FileUtils.cp_r("a", "copy")
    FileUtils.rm_rf("a")
    puts Dir.children(".").sort.inspect, (File.read("link") rescue $!.class)
  end
end

puts `echo sub$((1 + 1))`, $?.exitstatus
out, status = Open3.capture2e("sh", "-c", "cat; echo err >&2; exit 4", stdin_data: "fed\n")
puts out, status.exitstatus
reader, writer = IO.pipe
child = fork { reader.close; writer.write Marshal.dump({ pid: true, list: [1, 2] }); exit!(6) }
writer.close
puts Marshal.load(reader.read).inspect, Process.wait2(child)[1].exitstatus
killed = spawn("sleep", "100")
Process.kill(:TERM, killed)
puts Process.wait2(killed)[1].termsig
seen = Thread::Queue.new
trap("USR1") { seen << "usr1" }
Process.kill(:USR1, $$)
puts seen.pop
at_exit { puts "bye" }
def deep(n) = n.zero? ? 0 : 1 + deep(n - 1)
puts deep(5000)
begin
  deep(10_000_000)
rescue SystemStackError => e
  puts e.class
end
GC.start
puts GC.count > 0, ObjectSpace.each_object(Class).first.class, Time.at(1e9).utc.strftime("%F %T")
