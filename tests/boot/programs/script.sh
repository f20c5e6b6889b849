# SPDX-License-Identifier: BSD-2-Clause
# What a POSIX shell and the common tools ask of a kernel: pipes, background jobs, here-documents, traps, files.
set -u
work=$(mktemp -d /tmp/shell.XXXXXX)
cd "$work" || exit 1
echo "-- pipes"
seq 1 2000 | grep 7 | sort -rn | head -n 3
i=0; while [ $i -lt 40 ]; do echo "line $i"; i=$((i + 1)); done | wc -l
yes | head -n 50000 | wc -c
(echo a; (echo b; echo c) | sed 's/^/> /') | tr a-c x-z
false | true; echo "status $?"
{ echo out; echo err >&2; } 2>&1 >/dev/null | cat
echo "-- jobs"
: > done.0 # each waits for the one before: how long a sleep takes is not compared
for n in 3 1 2; do (until [ -e done.$((n - 1)) ]; do sleep 0.02; done; echo "job $n"; : > done.$n) & done
wait
sleep 100 & kill $!; wait $! 2>/dev/null; echo "killed $?"  # "Terminated" is said only when the wait began before the end
(exit 7) & wait $!; echo "status $?"
(trap 'echo got TERM; exit 5' TERM; kill -TERM $(sh -c 'echo $PPID'); sleep 5); echo "trapped $?"
trap 'echo at exit' EXIT
echo "-- words"
x="two  words"; set -- $x "$x"; echo $# "$2" "${x#* }" "${x%% *}" "${#x}" "${nothing:-default}"
cat <<END | while read -r a b; do echo "$b $a"; done
1 one $((6 * 7))
2 $(echo nested "$(echo deeper)")
END
case abc in a?c) echo matched;; *) echo no;; esac
f() { local v=inner; echo "f $1 $v"; return 3; }; f arg; echo "$?"
echo "-- files"
mkdir -p a/b/c && echo data > a/b/file && cp -r a copy && mv copy/b/file copy/b/moved && ln -s a/b/file link && cat link
ln a/b/file hard; find . | sort; test -L link && test a/b/file -ef hard && echo same
chmod 640 hard; ls -l a/b/file | cut -c1-10; umask 077; touch private; ls -l private | cut -c1-10
dd if=/dev/zero of=zeros bs=4096 count=100 2>/dev/null; wc -c < zeros; cmp zeros zeros && echo equal
seq 1 9999 > numbers; split -l 4000 numbers part.; wc -l part.*; cat part.* | cmp - numbers && echo joined
sort -R numbers | sort -n | cmp - numbers && sha256sum numbers; uniq -c link; paste link link; comm -12 link hard
tar cf - a copy | tar tf - | sort; tar czf t.gz numbers zeros && rm numbers && tar xzf t.gz && wc -l numbers
gzip -c numbers | gzip -dc | cksum; find . -name 'part.*' -print0 | xargs -0 -n 1 rm; ls
echo text > full 2>&1; echo more >> full; cat < full; echo x > /dev/null; echo y > /missing/z; echo "status $?"
read -r first < numbers; echo "$first"; exec 3< numbers; read -r one <&3; read -r two <&3; echo "$one $two"; exec 3<&-
mkfifo fifo; (echo through the fifo > fifo) & cat fifo; wait
cd /; rm -rf "$work"; test -e "$work" || echo gone
echo "$0" | sed 's/.*\.//'; date -u -d @1000000000 +%F; kill -l 9; printf '%05.2f|%-5s|%x\n' 3.14159 ab 255; env -i A=b env; expr 6 \* 7
