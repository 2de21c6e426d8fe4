package csi

import (
	"fmt"
	"io/fs"
	"slices"

	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"

	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const (
	// usualMode is that of files whose object says none; the driver always asks for it.
	usualMode = 0o644
	// largestAnswer is what the driver takes by default, 4 MiB, less what the names
	// of the files and the frame of the message may need.
	largestAnswer = 4<<20 - 64<<10
)

// tooLarge is a set of files that the driver would not take.
type tooLarge struct{ size int }

// Error says by how much.
func (t *tooLarge) Error() string {
	return fmt.Sprintf("the files of the volume have %d bytes, more than the %d that the driver takes", t.size, largestAnswer)
}

// make makes the whole set of files out of one look at the secrets, so that a
// certificate and its key match; nil while anything is missing.
func (v *volume) make(states map[need]secret.State, used map[need]uint64, key sensitive.String) (*pb.MountResponse, error) {
	response := &pb.MountResponse{}
	missing, err := v.addObjects(response, states, used, key)
	if err != nil {
		return nil, err
	}
	lacking, err := v.addTemplates(response, v.source(states, used), key)
	if err != nil || missing || lacking {
		return nil, err
	}
	return response, checkSet(response)
}

func (v *volume) addObjects(response *pb.MountResponse, states map[need]secret.State, used map[need]uint64, key sensitive.String) (missing bool, err error) {
	for i := range v.request.objects {
		o := &v.request.objects[i]
		state := states[v.needs[i]]
		used[v.needs[i]] = state.Version
		if state.Response == nil {
			missing = true
			continue
		}
		files, err := o.contents(state.Response)
		if err != nil {
			return false, fmt.Errorf("couldn't read secret %q: %w", o.ObjectName, err)
		}
		for _, f := range files {
			if err := add(response, f, o.FilePermission, o, key); err != nil {
				return false, err
			}
		}
	}
	return missing, nil
}

func (v *volume) addTemplates(response *pb.MountResponse, source render.Source, key sensitive.String) (missing bool, err error) {
	for i := range v.request.templates {
		t := &v.request.templates[i]
		result, err := t.parsed.Execute(source)
		if err != nil {
			return false, err
		}
		if len(result.Missing) > 0 {
			missing = true
			continue
		}
		if err := add(response, file{path: t.ObjectName, content: result.Output}, t.FilePermission, t, key); err != nil {
			return false, err
		}
	}
	return missing, nil
}

// add puts a file and its version into a response.
func add(response *pb.MountResponse, f file, mode fs.FileMode, described any, key sensitive.String) error {
	if mode == 0 {
		mode = usualMode
	}
	versioned := f.versioned
	if versioned == nil {
		versioned = f.content
	}
	version, err := versionOf(key, described, versioned)
	if err != nil {
		return fmt.Errorf("failed to generate version for object name %s: %w", f.path, err)
	}
	response.Files = append(response.Files, &pb.File{Path: f.path, Mode: int32(mode), Contents: f.content})
	response.ObjectVersion = append(response.ObjectVersion, &pb.ObjectVersion{Id: f.path, Version: version})
	return nil
}

// checkSet makes sure that the driver can write a set of files.
func checkSet(response *pb.MountResponse) error {
	size := 0
	names := make([]string, 0, len(response.Files))
	for _, f := range response.Files {
		if err := checkFileName(f.Path); err != nil {
			return err
		}
		size += len(f.Path) + len(f.Contents)
		names = append(names, f.Path)
	}
	slices.Sort(names)
	if twice := duplicates(names); len(twice) > 0 {
		return fmt.Errorf("two objects write the same file: %q", twice)
	}
	if size > largestAnswer {
		return &tooLarge{size}
	}
	return nil
}

// deliver keeps a complete set of files, and lets go of what it does not need.
func (v *volume) deliver(d *delivery, states map[need]secret.State) (*pb.MountResponse, error) {
	v.keepWhatIsEqual(d.response)
	p := v.provider
	p.mu.Lock()
	if v.gone {
		p.mu.Unlock()
		return nil, errGone
	}
	v.drop(d.versions)
	p.mu.Unlock()
	changed := v.delivered == nil || !sameFiles(v.delivered.response, d.response)
	v.delivered = d
	if changed {
		p.audit(v, states)
	}
	return d.response, nil
}

// keepWhatIsEqual lets equal contents of two deliveries be one in memory.
func (v *volume) keepWhatIsEqual(response *pb.MountResponse) {
	if v.delivered == nil {
		return
	}
	before := v.delivered.response.Files
	for i, f := range response.Files {
		if i < len(before) && slices.Equal(before[i].Contents, f.Contents) {
			f.Contents = before[i].Contents
		}
	}
}

func sameFiles(a, b *pb.MountResponse) bool {
	return slices.EqualFunc(a.Files, b.Files, func(x, y *pb.File) bool {
		return x.Path == y.Path && x.Mode == y.Mode && slices.Equal(x.Contents, y.Contents)
	})
}
