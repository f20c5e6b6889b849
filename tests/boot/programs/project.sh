# SPDX-License-Identifier: BSD-2-Clause
# A day's work: a repository, a compiler, make with jobs.
set -e
export HOME=/tmp GIT_AUTHOR_DATE=2024-01-01T00:00:00Z GIT_COMMITTER_DATE=2024-01-01T00:00:00Z
git config --global user.name Nobody
git config --global user.email nobody@example.org
git config --global init.defaultBranch main
mkdir /tmp/project && cd /tmp/project
git init -q
for n in 1 2 3; do
    echo "int part$n(void) { return $n; }" > part$n.c
    git add .
    git commit -qm "Add part $n"
done
git log --format='%h %s'
git checkout -qb topic HEAD~1
cp /tmp/hello.c .
git add .
git commit -qm "Add hello"
git merge -q --no-edit main
git log --graph --format=%s
git gc -q
git fsck
git clone -q . /tmp/copy
printf 'hello: hello.o part1.o part2.o part3.o\n\t$(CC) -o $@ $^ -pthread\n%%.o: %%.c\n\t$(CC) -O1 -c $<\n' > Makefile
make -j3 CC=gcc > log
sort log
git status -s
./hello one two || echo "status $?"
make -q CC=gcc && echo up to date
