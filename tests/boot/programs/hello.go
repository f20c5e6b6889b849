// SPDX-License-Identifier: BSD-2-Clause
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"
)

func main() {
	fmt.Println("hello from Go,", len(os.Args), "arguments")
	results := make(chan int, 16)
	var group sync.WaitGroup
	for i := 0; i < 16; i++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			sum := 0
			for k := 0; k < 200000; k++ {
				sum += k % (n + 1)
			}
			results <- sum
		}(i)
	}
	group.Wait()
	close(results)
	var sums []int
	for s := range results {
		sums = append(sums, s)
	}
	sort.Ints(sums)
	fmt.Println(sums)
	start := time.Now()
	time.Sleep(5 * time.Millisecond)
	fmt.Println("slept enough:", time.Since(start) >= 5*time.Millisecond)
	// A loop without calls: only a signal can take the CPU away from it.
	done := make(chan bool)
	spinning := true
	go func() { time.Sleep(2 * time.Millisecond); done <- true }()
	go func() {
		for x := 0; spinning; x++ {
		}
	}()
	<-done
	spinning = false
	fmt.Println(strings.Repeat("=", 20))
	defer func() { fmt.Println("recovered:", recover()) }()
	var nothing *struct{ field int }
	fmt.Println(nothing.field)
}
