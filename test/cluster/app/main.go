// Command app is the application of the stories: a static program that needs no shell.
//
//	app serve [-env NAMES] [-file FILE]   say so, wait, and read FILE at SIGHUP
//	app cat FILE...                       show files
//	app pair [-poll TIME] DIR CERT KEY    say which certificate it is, and whether the key is its own
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	if len(args) == 0 {
		return errors.New("expected a command: serve, cat or pair")
	}
	switch args[0] {
	case "serve":
		return serve(args[1:], w)
	case "cat":
		return cat(args[1:], w)
	case "pair":
		return pair(args[1:], w)
	}
	return fmt.Errorf("unknown command %q: expected serve, cat or pair", args[0])
}

func cat(names []string, w io.Writer) error {
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	return nil
}

// serve writes to its log what an application would use.
func serve(args []string, w io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	variables := flags.String("env", "", "variables to show, separated by commas")
	file := flags.String("file", "", "file to show at the start and at each SIGHUP")
	if err := flags.Parse(args); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, os.Interrupt)
	for _, name := range strings.Split(*variables, ",") {
		if name != "" {
			fmt.Fprintf(w, "%s=%s\n", name, os.Getenv(name))
		}
	}
	show(w, "started", *file)
	for s := range signals {
		if s != syscall.SIGHUP {
			return nil
		}
		show(w, "reloaded", *file)
	}
	return nil
}

func show(w io.Writer, what, file string) {
	content := []byte{}
	if file != "" {
		var err error
		if content, err = os.ReadFile(file); err != nil {
			content = []byte(err.Error())
		}
	}
	fmt.Fprintf(w, "%s %s\n", what, strings.TrimSpace(string(content)))
}
