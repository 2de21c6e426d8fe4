package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

const planChange = `The administrator writes a new value. The agent looks every 2 s, renders the file anew,
and runs the command of its template: "echo reloaded with $(cat orders.env) >> reloads".
There is no shell and no program on its PATH: the agent runs it by itself.`

// change writes a new value and waits for its way to the application.
func (d *demo) change(ctx context.Context) (string, error) {
	const key = "demo-key-2"
	if err := d.writeSettings(ctx, key); err != nil {
		return "", err
	}
	took, err := d.awaitSettings(ctx, key)
	if err != nil {
		return "", err
	}
	line, err := stage.Await(ctx, "the proof that the command ran", func(context.Context) (string, error) { return d.reloadedWith(key) })
	if err != nil {
		return "", err
	}
	d.screen.Show(d.files.short(d.files.reloads())+", written by the command:", line+"\n")
	return fmt.Sprintf("file and command %.1f s after the change", took.Seconds()), nil
}

// awaitSettings waits until the file has the value, and tells how long it took.
// At every look the file must be whole.
func (d *demo) awaitSettings(ctx context.Context, key string) (time.Duration, error) {
	begin := time.Now()
	_, err := stage.Await(ctx, fmt.Sprintf("API_KEY=%s in the file", key), func(context.Context) (string, error) {
		values, err := whole(d.files.settings(), parseSettings)
		if err == nil && values["API_KEY"] != key {
			err = fmt.Errorf("the file still has API_KEY=%s", values["API_KEY"])
		}
		return values["API_KEY"], err
	})
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	return took, d.showSettings(key)
}

// reloadedWith returns the line that the command has written for a value.
func (d *demo) reloadedWith(key string) (string, error) {
	content, err := os.ReadFile(d.files.reloads())
	if err != nil {
		return "", err
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	i := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, "API_KEY="+key+" ") })
	if i < 0 {
		return "", errors.New("the command has not run for this value")
	}
	return lines[i], nil
}
