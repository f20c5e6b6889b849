// SPDX-License-Identifier: BSD-2-Clause
// What Java's threads ask of a kernel: a pool, monitors, timed waits, interrupts, parallel streams, and a collector that
// has more to do than the heap holds. It prints the same wherever it runs.
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;

public class Threads {
    static int turns = 0;

    static long garbage(int seed) {
        List<byte[]> kept = new ArrayList<>();
        long sum = 0;
        for (int i = 0; i < 4000; i++) {
            byte[] block = new byte[4096 + (i * 37 + seed) % 4096];
            block[i % 4096] = (byte) i;
            if (i % 16 == 0) kept.add(block);
            if (kept.size() > 64) kept.remove(0);
            sum += block.length + block[i % 4096];
        }
        return sum;
    }

    static void takeTurns() throws Exception {
        final Object monitor = new Object();
        Thread[] threads = new Thread[2];
        for (int t = 0; t < 2; t++) {
            final int mine = t;
            threads[t] = new Thread(() -> {
                synchronized (monitor) {
                    while (turns < 2000) {
                        if (turns % 2 == mine) {
                            turns++;
                            monitor.notifyAll();
                        } else {
                            try {
                                monitor.wait(1000);
                            } catch (InterruptedException e) {
                                throw new RuntimeException(e);
                            }
                        }
                    }
                }
            });
            threads[t].start();
        }
        for (Thread thread : threads) thread.join();
        System.out.println("turns " + turns);
    }

    public static void main(String[] args) throws Exception {
        System.out.println("Hello World");
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<Long>> results = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            final int seed = i;
            results.add(pool.submit(() -> garbage(seed)));
        }
        for (Future<Long> result : results) System.out.print(result.get() + " ");
        System.out.println();
        ConcurrentHashMap<Integer, Integer> map = new ConcurrentHashMap<>();
        CountDownLatch done = new CountDownLatch(8);
        for (int t = 0; t < 8; t++)
            pool.execute(() -> {
                for (int i = 0; i < 20000; i++) map.merge(i % 100, 1, Integer::sum);
                done.countDown();
            });
        System.out.println(done.await(200, TimeUnit.SECONDS) + " " + map.values().stream().mapToInt(n -> n).sum());
        pool.shutdown();
        System.out.println(pool.awaitTermination(100, TimeUnit.SECONDS));
        takeTurns();
        System.out.println(IntStream.range(0, 200000).parallel().mapToLong(n -> n * (long) n % 1009).sum());
        ScheduledExecutorService timer = Executors.newScheduledThreadPool(1);
        AtomicInteger ticks = new AtomicInteger();
        ScheduledFuture<?> often = timer.scheduleAtFixedRate(ticks::incrementAndGet, 1, 1, TimeUnit.MILLISECONDS);
        while (ticks.get() < 10) Thread.sleep(2);
        often.cancel(false);
        timer.shutdownNow();
        Thread sleeper = new Thread(() -> {
            try {
                Thread.sleep(1000000);
            } catch (InterruptedException e) {
                System.out.println("interrupted");
            }
        });
        sleeper.start();
        sleeper.interrupt();
        sleeper.join();
        try {
            Object nothing = args.length == 0 ? null : args;
            nothing.hashCode();
        } catch (NullPointerException e) { // from a SIGSEGV, once compiled
            System.out.println("null");
        }
        System.exit(3);
    }
}
