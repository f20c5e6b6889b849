// SPDX-License-Identifier: BSD-2-Clause
// A thousand goroutines on as many threads as there are CPUs and more: channels, mutexes, timers, blocking system calls,
// garbage, and loops that only a signal interrupts.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const count = 1000

func ring() int {
	first := make(chan int)
	in := first
	for i := 0; i < count; i++ {
		out := make(chan int)
		go func(in, out chan int) {
			for n := range in {
				out <- n + 1
			}
			close(out)
		}(in, out)
		in = out
	}
	go func() {
		for i := 0; i < 20; i++ {
			first <- i
		}
		close(first)
	}()
	sum := 0
	for n := range in {
		sum += n
	}
	return sum
}

func shared() (int, int64) {
	var group sync.WaitGroup
	var lock sync.Mutex
	var counter atomic.Int64
	sum := 0
	for i := 0; i < count; i++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			for k := 0; k < 20; k++ {
				lock.Lock()
				sum += n
				lock.Unlock()
				counter.Add(1)
				if k%10 == 0 {
					runtime.Gosched()
				}
			}
		}(i)
	}
	group.Wait()
	return sum, counter.Load()
}

func blocking() int {
	var group sync.WaitGroup
	var total atomic.Int64
	for i := 0; i < 20; i++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			r, w, err := os.Pipe()
			if err != nil {
				panic(err)
			}
			go func() {
				time.Sleep(time.Duration(n%5) * time.Millisecond)
				w.Write(make([]byte, 100+n))
				w.Close()
			}()
			buffer := make([]byte, 1000)
			for {
				got, err := r.Read(buffer)
				total.Add(int64(got))
				if err != nil {
					break
				}
			}
			r.Close()
		}(i)
	}
	group.Wait()
	return int(total.Load())
}

func garbage() int {
	results := make(chan int, 8)
	for i := 0; i < 8; i++ {
		go func() {
			kept := map[int][]byte{}
			for k := 0; k < 5000; k++ {
				kept[k%50] = make([]byte, 2000)
			}
			results <- len(kept)
		}()
	}
	sum := 0
	for i := 0; i < 8; i++ {
		sum += <-results
	}
	runtime.GC()
	return sum
}

func main() {
	fmt.Println("ring", ring())
	sum, n := shared()
	fmt.Println("shared", sum, n)
	fmt.Println("blocking", blocking())
	fmt.Println("garbage", garbage())
	var stop atomic.Bool
	for i := 0; i < 8; i++ {
		go func() {
			for x := 0; !stop.Load(); x++ {
			}
		}()
	}
	ticker := time.NewTicker(2 * time.Millisecond)
	for i := 0; i < 10; i++ {
		<-ticker.C
	}
	stop.Store(true)
	select {
	case <-time.After(5 * time.Millisecond):
		fmt.Println("timer")
	}
	os.Exit(4)
}
