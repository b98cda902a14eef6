// SPDX-License-Identifier: Apache-2.0
// Go as a peer: the same lines as the C++ benchmarks, in a process of its own.
//
//	go_peer -out FILE [-filter REGEX] [-repetitions N] [-min-time SECONDS]
//
// Writes what report.py reads of Google Benchmark's JSON. Each repetition of each number of servers
// is a process of its own, confined to so many CPUs before its runtime starts.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// One line. run does some operations, says how many, and whether their result is right.
type benchmark struct {
	name    string
	servers int // 0: on 1 and on 2
	once    bool
	quick   bool   // a short repetition
	prepare func() // not timed
	run     func() (ops int, right bool)
	// figures measures by itself, for lines with more than one figure.
	figures func() (map[string]float64, bool)
}

var smoke = os.Getenv("UMCG_BENCH_SMOKE") != ""

func fullOrSmoke(full, small int) int {
	if smoke {
		return small
	}
	return full
}

// measure repeats run until minTime has passed. The first run is not timed unless it is the only one.
func measure(b *benchmark, minTime float64) (map[string]float64, bool) {
	if b.figures != nil {
		return b.figures()
	}
	if b.prepare != nil {
		b.prepare()
	}
	right := true
	if !b.once {
		_, right = b.run()
	}
	if b.quick {
		minTime *= 0.3
	}
	total, ops := time.Duration(0), 0
	for total == 0 || (!b.once && total.Seconds() < minTime) {
		start := time.Now()
		n, ok := b.run()
		total += time.Since(start)
		ops += n
		right = right && ok
	}
	return map[string]float64{"ns_per_op": float64(total.Nanoseconds()) / float64(ops)}, right
}

const cpuWords = 16 // 1024 CPUs

func affinity(call uintptr, set *[cpuWords]uint64) {
	_, _, errno := syscall.RawSyscall(call, 0, unsafe.Sizeof(*set), uintptr(unsafe.Pointer(set)))
	if errno != 0 {
		fmt.Fprintln(os.Stderr, "affinity:", errno)
		os.Exit(1)
	}
}

// confine keeps this thread on the first n of its CPUs; false if there are fewer. The children it
// starts inherit that.
func confine(n int) bool {
	var all, chosen [cpuWords]uint64
	affinity(syscall.SYS_SCHED_GETAFFINITY, &all)
	for cpu := 0; cpu < cpuWords*64 && n > 0; cpu++ {
		if all[cpu/64]>>(cpu%64)&1 == 1 {
			chosen[cpu/64] |= 1 << (cpu % 64)
			n--
		}
	}
	if n > 0 {
		return false
	}
	affinity(syscall.SYS_SCHED_SETAFFINITY, &chosen)
	return true
}

// child runs one benchmark once, in this process, and prints its figures.
func child(name string, minTime float64) {
	for i := range benchmarks {
		if benchmarks[i].name != name {
			continue
		}
		figures, right := measure(&benchmarks[i], minTime)
		if !right {
			fmt.Fprintln(os.Stderr, name+": wrong result")
			os.Exit(1)
		}
		json.NewEncoder(os.Stdout).Encode(figures)
	}
}

// inChild runs child() on so many CPUs.
func inChild(name string, servers int, minTime float64) (map[string]float64, error) {
	command := exec.Command(os.Args[0], "-child", name, "-min-time", fmt.Sprint(minTime))
	command.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(servers))
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, err
	}
	figures := map[string]float64{}
	return figures, json.Unmarshal(output, &figures)
}

func main() {
	childName := flag.String("child", "", "for the program's own use")
	filter := flag.String("filter", ".", "which benchmarks")
	repetitions := flag.Int("repetitions", 1, "of each benchmark")
	minTime := flag.Float64("min-time", 0.1, "of each repetition, in seconds")
	out := flag.String("out", "go_bench.json", "the result")
	flag.Parse()
	if *childName != "" {
		child(*childName, *minTime)
		return
	}
	wanted := regexp.MustCompile(strings.TrimPrefix(*filter, "-"))
	inverted := strings.HasPrefix(*filter, "-") // as Google Benchmark has it

	results := []map[string]any{}
	failed := false
	runtime.LockOSThread() // the thread that confines itself is the one that starts the children
	var all [cpuWords]uint64
	affinity(syscall.SYS_SCHED_GETAFFINITY, &all)
	for repetition := 0; repetition < *repetitions; repetition++ {
		for _, b := range benchmarks {
			for _, servers := range []int{1, 2} {
				name := fmt.Sprintf("%s/go/%d", b.name, servers)
				if (b.servers != 0 && b.servers != servers) || wanted.MatchString(name) == inverted {
					continue
				}
				affinity(syscall.SYS_SCHED_SETAFFINITY, &all)
				if !confine(servers) {
					continue
				}
				figures, err := inChild(b.name, servers, *minTime)
				result := map[string]any{"name": name, "run_type": "iteration"}
				if err != nil {
					failed = true
					result["error_occurred"] = true
					result["error_message"] = err.Error()
				}
				for metric, value := range figures {
					result[metric] = value
				}
				fmt.Printf("%-40s %v\n", name, figures)
				results = append(results, result)
			}
		}
	}
	text, _ := json.MarshalIndent(map[string]any{
		"context": map[string]string{
			"umcg_version_Go": strings.TrimPrefix(runtime.Version(), "go"),
		},
		"benchmarks": results,
	}, "", "  ")
	if err := os.WriteFile(*out, text, 0o644); err != nil || failed {
		fmt.Fprintln(os.Stderr, "failed", err)
		os.Exit(1)
	}
}
