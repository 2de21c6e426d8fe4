package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// stories are the lines of all steps.
func stories() map[string][]line {
	return map[string][]line{
		"servers": servers(), "install": install(), "injector": injector(), "csi": csi(), "operator": operator(), "outage": outage(), "cost": cost(),
	}
}

// TestStepsAreTold guards what somebody who watches reads.
func TestStepsAreTold(t *testing.T) {
	all := steps()
	if len(all) != len(stories()) {
		t.Errorf("%d steps, but these tests know of %d", len(all), len(stories()))
	}
	for _, s := range all {
		if s.Title == "" || s.Plan == "" || s.Run == nil {
			t.Errorf("step %q has no title, plan or deed", s.Title)
		}
		if s.Within < 2*time.Minute || s.Within > 10*time.Minute {
			t.Errorf("step %q has %s, which is too little on a slow machine, or too much to watch", s.Title, s.Within)
		}
	}
}

// TestLines looks for what would be seen only when the tour comes by.
func TestLines(t *testing.T) {
	file := regexp.MustCompile(`(?:-f|install vaultk8s) (\S+)`)
	for name, lines := range stories() {
		for _, l := range lines {
			if (l.run == "") == (l.do == nil) {
				t.Errorf("%s: the line %q %q must either run or do something", name, l.say, l.run)
			}
			if strings.Contains(l.run, "%!") || strings.Contains(l.say, "%!") {
				t.Errorf("%s: the line %q has a gap", name, l.run)
			}
			for _, found := range file.FindAllStringSubmatch(l.run, -1) {
				if _, err := os.Stat(filepath.Join("..", "..", found[1])); err != nil {
					t.Errorf("%s: %q: %v", name, l.run, err)
				}
			}
			// kubectl takes a "=" of base64 for one of its own.
			if _, value, is := strings.Cut(l.run, "--for=jsonpath='{"); is && strings.Count(value, "=") != 2 {
				t.Errorf("%s: %q compares with a padded value", name, l.run)
			}
			// kubectl itself says what it waits for in vain.
			if strings.Contains(l.run, "kubectl wait") || strings.Contains(l.run, "rollout status") {
				if !strings.Contains(l.run, "--timeout=") {
					t.Errorf("%s: %q waits for ever", name, l.run)
				}
			}
		}
	}
}

// TestManifests compares what is asked for with what the policy and the story name.
func TestManifests(t *testing.T) {
	files, err := filepath.Glob("manifests/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("files %v, error %v", files, err)
	}
	var all strings.Builder
	for _, commands := range stories() {
		for _, l := range commands {
			all.WriteString(l.run + "\n")
		}
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(content), "# ") {
			t.Errorf("%s does not say what it is for", name)
		}
		if !strings.Contains(all.String(), "test/tour/"+name) {
			t.Errorf("%s has no line in the story", name)
		}
		for i, document := range strings.Split(string(content), "\n---\n") {
			var object struct{ APIVersion, Kind string }
			if err := yaml.Unmarshal([]byte(strings.Replace(document, "apiVersion", "apiversion", 1)), &object); err != nil || object.Kind == "" || object.APIVersion == "" {
				t.Errorf("document %d of %s is %+v, error %v", i+1, name, object, err)
			}
		}
	}
}
