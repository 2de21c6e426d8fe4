// Package attendant starts a process and tells what it cost.
//
// The kernel counts the memory of the one who starts a process as a part of that
// process's peak: a new process shares the memory of its parent until it executes
// its program. So a process that is measured is started by an attendant, the
// program in the folder attend, which is as small as a Go program can be.
//
// [Build] makes that program, [Start] runs a process under it, and
// [Process.Wait] returns the [Cost]. Attend is the program's own side.
package attendant

import "time"

// Cost is what a process cost.
type Cost struct {
	Start  time.Time     // just before the process was created
	Wall   time.Duration // until it was gone
	CPU    time.Duration // user and system
	MaxRSS int64         // peak, in bytes
	Floor  int64         // peak of the attendant, in bytes: a lower MaxRSS cannot be told
	Exit   int           // exit code; -1: ended by a signal
}

// begun is what an attendant prints first, before the Cost.
type begun struct{ PID int }

// Grace is how long a process may take to end before it is killed.
const Grace = 10 * time.Second
