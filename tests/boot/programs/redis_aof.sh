# SPDX-License-Identifier: BSD-2-Clause
# A server that logs what it does in /data, and ends without a word: what it said it has is in the log.
socket=/tmp/redis.sock
redis-server --port 0 --unixsocket $socket --save "" --dir /data --appendonly yes --appendfsync always \
    --logfile /dev/null &
server=$!
until redis-cli -s $socket ping 2>/dev/null | grep -q PONG; do sleep 0.1; done
case $1 in
fill)
    redis-cli -s $socket set fruit drupe
    i=0
    while [ $i -lt 500 ]; do
        echo "incr stones"
        echo "rpush list \"item $i\""
        i=$((i + 1))
    done | redis-cli -s $socket | tail -n 1
    redis-cli --no-raw -s $socket llen list
    kill -KILL $server
    ;;
find)
    redis-cli --no-raw -s $socket get fruit
    redis-cli --no-raw -s $socket get stones
    redis-cli --no-raw -s $socket llen list
    redis-cli --no-raw -s $socket lindex list 499
    redis-cli -s $socket shutdown nosave
    ;;
esac
wait 2>/dev/null
exit 0
