# SPDX-License-Identifier: BSD-2-Clause
# What gawk asks of a kernel: files, pipes both ways, children.
{ n[$1] += $2; lines++ }
END {
    print lines, length(n)
    count = asorti(n, keys, "@val_num_desc")
    for (i = 1; i <= 3; i++) print keys[i], n[keys[i]]
    print strftime("%F %T", 86399, 1), gensub(/(a)(b)/, "\\2\\1", "g", "abab"), toupper("x\303\244")
    while (("seq 5 | sort -r" | getline line) > 0) joined = joined line
    print joined, close("seq 5 | sort -r")
    print "b\na" | "sort"
    close("sort")
    print "there and back" |& "tr a-z A-Z"
    close("tr a-z A-Z", "to")
    "tr a-z A-Z" |& getline back
    print back, system("exit 5")
    print "kept" > "/tmp/kept"
    close("/tmp/kept")
    while ((getline line < "/tmp/kept") > 0) print line
    print (getline line < "/missing"), ERRNO
    printf "%d %c %.3e %s\n", 2 ^ 53, 65, exp(1), substr("kernel", 2, 3)
    print PROCINFO["pid"] > 0, ENVIRON["HOME"]
}
