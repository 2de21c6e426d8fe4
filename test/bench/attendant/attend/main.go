// Command attend is the program of package attendant: attend LOG PROGRAM ARGS...
package main

import (
	"fmt"
	"os"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
)

func main() {
	if err := attendant.Attend(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "attend:", err)
		os.Exit(1)
	}
}
