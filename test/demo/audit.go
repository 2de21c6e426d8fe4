package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// audit is the file into which Vault writes every request and its answer.
type audit struct {
	path string
	skip int // answers before the agent's first
}

// answer is what the file says of a request that Vault has answered.
type answer struct {
	Time  time.Time `json:"time"`
	Type  string    `json:"type"`
	Error string    `json:"error"`
	Auth  struct {
		Policies []string `json:"policies"`
	} `json:"auth"`
	Request struct {
		Operation string `json:"operation"`
		Path      string `json:"path"`
	} `json:"request"`
}

// begin makes what was asked so far not count.
func (a *audit) begin() error {
	answers, err := a.read()
	a.skip = len(answers)
	return err
}

// ofAgent returns what the agent has asked since begin: everything that was not
// asked with the root token.
func (a *audit) ofAgent() ([]answer, error) {
	answers, err := a.read()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(answers[min(a.skip, len(answers)):], func(one answer) bool {
		return slices.Contains(one.Auth.Policies, "root")
	}), nil
}

func (a *audit) read() ([]answer, error) {
	content, err := os.ReadFile(a.path)
	if err != nil {
		return nil, fmt.Errorf("read vault's audit file: %w", err)
	}
	return parseAudit(content)
}

// parseAudit returns the answers in an audit file. A last line without its end
// is being written right now and does not count.
func parseAudit(content []byte) ([]answer, error) {
	content = content[:bytes.LastIndexByte(content, '\n')+1]
	lines := bufio.NewScanner(bytes.NewReader(content))
	// A certificate's answer has some 5 KiB; a line over 1 MiB is none of ours.
	lines.Buffer(nil, 1<<20)
	var answers []answer
	for number := 1; lines.Scan(); number++ {
		var one answer
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("line %d of vault's audit file: %w", number, err)
		}
		if one.Type == "response" {
			answers = append(answers, one)
		}
	}
	return answers, lines.Err()
}

// asked counts the answers for paths that start with a prefix.
func asked(answers []answer, prefix string) int {
	return len(only(answers, prefix))
}

// only returns the answers for paths that start with a prefix.
func only(answers []answer, prefix string) []answer {
	var found []answer
	for _, one := range answers {
		if strings.HasPrefix(one.Request.Path, prefix) {
			found = append(found, one)
		}
	}
	return found
}

// tally counts requests by operation and path, the most frequent first.
func tally(answers []answer) [][]string {
	counts := map[string]int{}
	for _, one := range answers {
		counts[one.Request.Operation+" "+one.Request.Path]++
	}
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		if counts[x] != counts[y] {
			return counts[y] - counts[x]
		}
		return strings.Compare(x, y)
	})
	var rows [][]string
	for _, name := range names {
		rows = append(rows, []string{fmt.Sprint(counts[name]), name})
	}
	return rows
}
