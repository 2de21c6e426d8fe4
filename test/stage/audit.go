package stage

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

// Audit is the file into which Vault writes every request and its answer.
type Audit struct {
	Path string
	skip int // answers before Begin
}

// Answer is what the file says of a request that Vault has answered.
type Answer struct {
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

// Begin makes what was asked so far not count.
func (a *Audit) Begin() error {
	answers, err := a.read()
	a.skip = len(answers)
	return err
}

// ByOthers returns what was asked since [Audit.Begin], but for what was
// asked with the root token.
func (a *Audit) ByOthers() ([]Answer, error) {
	answers, err := a.read()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(answers[min(a.skip, len(answers)):], func(one Answer) bool {
		return slices.Contains(one.Auth.Policies, "root")
	}), nil
}

func (a *Audit) read() ([]Answer, error) {
	content, err := os.ReadFile(a.Path)
	if err != nil {
		return nil, fmt.Errorf("read vault's audit file: %w", err)
	}
	return parseAudit(content)
}

// parseAudit returns the answers in an audit file. A last line without its end
// is being written right now and does not count.
func parseAudit(content []byte) ([]Answer, error) {
	content = content[:bytes.LastIndexByte(content, '\n')+1]
	lines := bufio.NewScanner(bytes.NewReader(content))
	// A certificate's answer has some 5 KiB; a line over 1 MiB is none of ours.
	lines.Buffer(nil, 1<<20)
	var answers []Answer
	for number := 1; lines.Scan(); number++ {
		var one Answer
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("line %d of vault's audit file: %w", number, err)
		}
		if one.Type == "response" {
			answers = append(answers, one)
		}
	}
	return answers, lines.Err()
}

// Asked counts the answers for paths that start with a prefix.
func Asked(answers []Answer, prefix string) int {
	return len(Only(answers, prefix))
}

// Only returns the answers for paths that start with a prefix.
func Only(answers []Answer, prefix string) []Answer {
	var found []Answer
	for _, one := range answers {
		if strings.HasPrefix(one.Request.Path, prefix) {
			found = append(found, one)
		}
	}
	return found
}

// Tally counts requests by operation and path, the most frequent first.
func Tally(answers []Answer) [][]string {
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
