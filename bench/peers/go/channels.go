// SPDX-License-Identifier: Apache-2.0
package main

func channelPlay(capacity int) func() (int, bool) {
	return func() (int, bool) {
		rounds, right := fullOrSmoke(40000, 200), true
		ping, pong := make(chan int, capacity), make(chan int, capacity)
		together(2, func(side int) {
			for i := 0; i < rounds; i++ {
				if side == 0 {
					pong <- <-ping + 1
				} else {
					ping <- i
					right = <-pong == i+1 && right
				}
			}
		})
		return rounds, right
	}
}

func channelStream(pairs int) func() (int, bool) {
	return func() (int, bool) {
		each := fullOrSmoke(40000, 200) / pairs
		items, sums := make(chan int, 64), make([]int, 2*pairs)
		together(2*pairs, func(member int) {
			for i := 1; i <= each; i++ {
				if member%2 == 0 {
					items <- i
				} else {
					sums[member] += <-items
				}
			}
		})
		sum := 0
		for _, s := range sums {
			sum += s
		}
		return each * pairs, sum == pairs*each*(each+1)/2
	}
}

func selectFromFour() (int, bool) {
	each, sum := fullOrSmoke(40000, 200)/4, 0
	var channels [4]chan int
	for i := range channels {
		channels[i] = make(chan int)
	}
	together(5, func(member int) {
		if member < 4 {
			for i := 1; i <= each; i++ {
				channels[member] <- i
			}
			return
		}
		for i := 0; i < 4*each; i++ {
			select {
			case item := <-channels[0]:
				sum += item
			case item := <-channels[1]:
				sum += item
			case item := <-channels[2]:
				sum += item
			case item := <-channels[3]:
				sum += item
			}
		}
	})
	return 4 * each, sum == 4*each*(each+1)/2
}
