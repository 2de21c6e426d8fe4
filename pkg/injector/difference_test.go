package injector

import (
	"encoding/json"
	"testing"

	apply "github.com/evanphx/json-patch/v5"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

func TestPatchOperations(t *testing.T) {
	yes := true
	container := func(name string, mounts ...string) corev1.Container {
		c := corev1.Container{Name: name}
		for _, m := range mounts {
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "v", MountPath: m})
		}
		return c
	}
	pod := func(containers ...corev1.Container) *corev1.Pod {
		return &corev1.Pod{Spec: corev1.PodSpec{Containers: containers}}
	}
	cases := map[string]struct {
		before, after *corev1.Pod
		want          string
	}{
		"nothing": {pod(container("a")), pod(container("a")), ``},
		"element before others": {
			pod(container("a"), container("b")), pod(container("x"), container("a", "/m"), container("b")),
			`[{"op":"add","path":"/spec/containers/0","value":{"name":"x","resources":{}}},{"op":"add","path":"/spec/containers/1/volumeMounts","value":[{"name":"v","mountPath":"/m"}]}]`,
		},
		"element behind others of one name": {
			pod(container("a", "/1", "/2")), pod(container("a", "/1", "/2", "/3")),
			`[{"op":"add","path":"/spec/containers/0/volumeMounts/2","value":{"name":"v","mountPath":"/3"}}]`,
		},
		"element taken out": {
			pod(container("a"), container("x"), container("b")), pod(container("a"), container("b")),
			`[{"op":"remove","path":"/spec/containers/1"}]`,
		},
		"field": {
			pod(), &corev1.Pod{Spec: corev1.PodSpec{ShareProcessNamespace: &yes}},
			`[{"op":"add","path":"/spec/shareProcessNamespace","value":true}]`,
		},
		"escaped key": {
			&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"a/b": "1", "gone": "x"}}},
			&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"a/b": "2", "c~d": "3"}}},
			`[{"op":"replace","path":"/metadata/annotations/a~1b","value":"2"},{"op":"add","path":"/metadata/annotations/c~0d","value":"3"},{"op":"remove","path":"/metadata/annotations/gone"}]`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Patch(tc.before, tc.after)
			if err != nil || string(got) != tc.want {
				t.Errorf("Patch() = %s, %v\nwant %s", got, err, tc.want)
			}
		})
	}
}

// anyPod draws pods that share enough for a patch to be small.
func anyPod(t *rapid.T, label string) *corev1.Pod {
	name := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	env := rapid.Custom(func(t *rapid.T) corev1.EnvVar {
		return corev1.EnvVar{Name: name.Draw(t, "env"), Value: rapid.SampledFrom([]string{"", "1"}).Draw(t, "value")}
	})
	container := rapid.Custom(func(t *rapid.T) corev1.Container {
		c := corev1.Container{Name: name.Draw(t, "name"), Image: name.Draw(t, "image"), Env: rapid.SliceOfN(env, 0, 3).Draw(t, "env"), Args: rapid.SliceOfN(name, 0, 3).Draw(t, "args")}
		if rapid.Bool().Draw(t, "limited") {
			c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse(rapid.SampledFrom([]string{"1", "1000m", "2"}).Draw(t, "cpu"))}
		}
		return c
	})
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Annotations: rapid.MapOfN(name, name, 0, 3).Draw(t, label+" annotations")},
		Spec: corev1.PodSpec{
			Containers:     rapid.SliceOfN(container, 0, 4).Draw(t, label+" containers"),
			InitContainers: rapid.SliceOfN(container, 0, 2).Draw(t, label+" init"),
			HostNetwork:    rapid.Bool().Draw(t, label+" host"),
			RestartPolicy:  rapid.SampledFrom([]corev1.RestartPolicy{"", "Always"}).Draw(t, label+" restart"),
		},
	}
}

func TestPatchMakesOnePodOfAnyOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := anyPod(t, "before"), anyPod(t, "after")
		patch, err := Patch(before, after)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := json.Marshal(after)
		got, _ := json.Marshal(before)
		if patch != nil {
			operations, err := apply.DecodePatch(patch)
			if err != nil {
				t.Fatal(err)
			}
			if got, err = operations.Apply(got); err != nil {
				t.Fatalf("%s does not fit: %v", patch, err)
			}
		}
		if !apply.Equal(got, want) {
			t.Errorf("%s makes\n%s\nwant\n%s", patch, got, want)
		}
	})
}
