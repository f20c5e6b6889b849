# SPDX-License-Identifier: BSD-2-Clause
# What Perl asks of a kernel: text, files, fork, pipes, signals. It prints the same wherever it runs.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Fcntl qw(:flock :mode);
use File::Find;
use File::Temp qw(tempdir);
use List::Util qw(sum max reduce shuffle);
use POSIX qw(:sys_wait_h floor strftime setlocale LC_ALL);
use Storable qw(dclone freeze thaw);
use Time::HiRes qw(usleep time);

$| = 1;
my %count;
$count{$_}++ for map { lc } "It was the best of times, it was the worst of times" =~ /(\w+)/g;
print join(" ", map { "$_=$count{$_}" } sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count), "\n";
printf "%.15g %s %d %s\n", atan2(1, 1) * 4, 2**100, floor(-2.5), sha256_hex("perl");
my $factorial = reduce { $a * $b } 1 .. 20;
print "$factorial ", join(",", (sort { $a <=> $b } shuffle 1 .. 12)[2 .. 5]), " ", unpack("H*", pack("nNw", 1, 2, 300)), "\n";
my $deep = { list => [1, { x => [2, 3] }] };
print dclone($deep)->{list}[1]{x}[1], " ", thaw(freeze($deep))->{list}[0], "\n";
(my $text = "héllo wörld") =~ tr/a-y/b-z/;
print length($text), " ", join("|", split /(?<=o)/, "foo boo zoo"), " ", ucfirst(reverse "kernel"), "\n";

my $folder = tempdir(CLEANUP => 1);
for my $n (1 .. 20) {
    mkdir "$folder/d" . $n % 4;
    open my $file, ">", "$folder/d" . $n % 4 . "/f$n" or die "$!";
    print $file "line $_\n" for 1 .. $n;
    close $file;
}
my $bytes = 0;
my @names;
find(sub { push @names, $_ if -f; $bytes += -s _ if -f _ }, $folder);
print scalar(@names), " files, $bytes bytes, ", (sort @names)[0], "\n";
open my $rw, "+<", "$folder/d1/f1" or die;
flock($rw, LOCK_EX) or die;
seek $rw, 0, 2;
print $rw "more\n";
seek $rw, 0, 0;
print map { chomp; "[$_]" } <$rw>;
print " ", S_IMODE((stat $rw)[2] & ~umask), "\n";
open my $missing, "<", "$folder/none" or print "error: $!\n";
truncate "$folder/d1/f1", 3;
print -s "$folder/d1/f1", " ", (rename "$folder/d1/f1", "$folder/g"), " ", (unlink "$folder/g"), "\n";

my $pid = open my $from, "-|";
if (!$pid) {
    print "child says $_\n" for 1 .. 3;
    exit 3;
}
print "parent reads $_" while <$from>;
close $from;
print "status ", $? >> 8, "\n";
print `echo from a shell | tr a-z A-Z`, $? >> 8, "\n";
system("exit 9;");
print $? >> 8, "\n";
open my $sort, "|-", "sort -rn" or die;
print $sort "$_\n" for 3, 10, 2;
close $sort;

my @children = map {
    my $n = $_;
    my $child = fork // die;
    if (!$child) { usleep(1000 * (5 - $n)); POSIX::_exit($n) }
    $child;
} 1 .. 4;
my %ended;
while ((my $child = waitpid(-1, 0)) > 0) { $ended{$child} = WEXITSTATUS($?) }
print join(",", map { $ended{$_} } @children), "\n";

my @seen;
local $SIG{USR1} = sub { push @seen, $_[0] };
kill USR1 => $$;
eval {
    local $SIG{ALRM} = sub { die "alarm\n" };
    Time::HiRes::alarm(0.02);
    sleep 10;
};
print "@seen $@";
local $SIG{PIPE} = "IGNORE";
pipe my $reader, my $writer;
close $reader;
syswrite($writer, "x") // print "pipe: $!\n";
print strftime("%Y-%m-%d %H:%M:%S", gmtime 1e9), "\n";
