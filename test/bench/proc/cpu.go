package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit in which Linux tells the time of a processor: 100 in a second, on
// every architecture that Go knows.
const tick = 10 * time.Millisecond

// CPU returns the time that processors have spent on some processes, in their own
// code and in the kernel. On a busy machine it says more than a clock.
func CPU(pids ...int) (time.Duration, error) {
	var all time.Duration
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, fmt.Errorf("read processor time of a process: %w", err)
		}
		spent, err := parseCPU(string(text))
		if err != nil {
			return 0, err
		}
		all += spent
	}
	return all, nil
}

// parseCPU reads the 14th and 15th field. The second is a name in parentheses, which
// may hold anything.
func parseCPU(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	const after = 2 // fields before the rest
	if len(fields) < 15-after {
		return 0, fmt.Errorf("read processor time of a process: %d fields in %q", len(fields), stat)
	}
	var ticks int64
	for _, field := range fields[14-after-1 : 15-after] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time of a process: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}
