# SPDX-License-Identifier: BSD-2-Clause
# A server on a socket with a name, and its own client.
socket=/tmp/redis.sock
redis-server --port 0 --unixsocket $socket --save "" --appendonly no --logfile /dev/null &
until redis-cli -s $socket ping 2>/dev/null; do sleep 0.1; done | tail -n 1
redis-cli -s $socket set fruit drupe
redis-cli -s $socket get fruit
i=0
while [ $i -lt 300 ]; do
    echo "incr stones"
    echo "rpush list $i"
    i=$((i + 1))
done | redis-cli -s $socket | tail -n 2
redis-cli -s $socket lrange list 295 -1
redis-cli -s $socket --raw eval "return redis.sha1hex(ARGV[1])" 0 drupe
redis-cli -s $socket subscribe news >/tmp/heard &
listener=$!
until [ "$(redis-cli -s $socket publish news ripe)" = 1 ]; do sleep 0.1; done
until grep -q ripe /tmp/heard; do sleep 0.1; done
kill $listener
wait $listener 2>/dev/null # some shells say how it ended
cat /tmp/heard
redis-cli -s $socket shutdown nosave
wait
echo "the server ended"
