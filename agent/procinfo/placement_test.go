package procinfo

import (
	"strings"
	"testing"
)

const (
	idA = "3f2a1b0c4d5e6f708192a3b4c5d6e7f83f2a1b0c4d5e6f708192a3b4c5d6e7f8"
	idB = "00000000000000000000000000000000000000000000000000000000000000b1"
)

func TestUnit(t *testing.T) {
	const podSlice = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1f9f4a.slice"
	tests := map[string]Placement{
		"":                          {},
		"/":                         {},
		"//":                        {},
		"/init.scope":               {Unit: "init.scope", Slice: "-.slice"},
		"/system.slice":             {Slice: "system.slice"},
		"/system.slice/foo.service": {Unit: "foo.service", Slice: "system.slice"},
		"/system.slice/foo.service/sub/sub.scope":                                               {Unit: "foo.service", Slice: "system.slice"},
		"/system.slice/foo.service (deleted)":                                                   {Slice: "system.slice"},
		"/system.slice/-.mount":                                                                 {Unit: "-.mount", Slice: "system.slice"},
		"/system.slice/dev-hugepages.mount":                                                     {Unit: "dev-hugepages.mount", Slice: "system.slice"},
		"/system.slice/dev-disk-by\\x2duuid.swap":                                               {Unit: "dev-disk-by\\x2duuid.swap", Slice: "system.slice"},
		"/system.slice/system-getty.slice/getty@tty1.service":                                   {Unit: "getty@tty1.service", Slice: "system-getty.slice"},
		"/system.slice/system-postgresql.slice/postgresql@15-main.service":                      {Unit: "postgresql@15-main.service", Slice: "system-postgresql.slice"},
		"/system.slice/system-systemd\\x2dfsck.slice/systemd-fsck@dev-vda1.service":             {Unit: "systemd-fsck@dev-vda1.service", Slice: "system-systemd\\x2dfsck.slice"},
		"/system.slice/_cpu.service":                                                            {Unit: "cpu.service", Slice: "system.slice"},
		"/system.slice/__foo.service":                                                           {Unit: "_foo.service", Slice: "system.slice"},
		"/_cgroup.slice/foo.service":                                                            {Unit: "foo.service", Slice: "cgroup.slice"},
		"/foo.service/bar.service":                                                              {Unit: "foo.service", Slice: "-.slice"},
		"/user.slice/user-1000.slice/session-1.scope":                                           {Unit: "session-1.scope", Slice: "user-1000.slice"},
		"/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service":                   {Unit: "user@1000.service", UserUnit: "foo.service", Slice: "user-1000.slice"},
		"/user.slice/user-1000.slice/user@1000.service/init.scope":                              {Unit: "user@1000.service", UserUnit: "init.scope", Slice: "user-1000.slice"},
		"/user.slice/user-1000.slice/user@1000.service/app.slice/app-a.slice/foo@b.service/sub": {Unit: "user@1000.service", UserUnit: "foo@b.service", Slice: "user-1000.slice"},
		"/user.slice/user-1000.slice/user@1000.service":                                         {Unit: "user@1000.service", Slice: "user-1000.slice"},
		"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + idA + ".scope/container": {
			Unit: "user@1000.service", UserUnit: "libpod-" + idA + ".scope", Slice: "user-1000.slice", ContainerID: idA, Runtime: "podman"},
		"/system.slice/user@evil.service/foo.service": {Unit: "user@evil.service", Slice: "system.slice"},

		"/machine.slice/machine-foo.scope":                                                  {Unit: "machine-foo.scope", Slice: "machine.slice", ContainerID: "foo", Runtime: "systemd-nspawn"},
		"/machine.slice/machine-foo\\x2dbar.scope/payload/init.scope":                       {Unit: "machine-foo\\x2dbar.scope", Slice: "machine.slice", ContainerID: "foo-bar", Runtime: "systemd-nspawn"},
		"/machine.slice/systemd-nspawn@foo.service/payload/system.slice/postgresql.service": {Unit: "systemd-nspawn@foo.service", Slice: "machine.slice", ContainerID: "foo", Runtime: "systemd-nspawn"},
		"/machine.slice/systemd-nspawn@foo.service/payload/system.slice/docker-" + idA + ".scope": {
			Unit: "systemd-nspawn@foo.service", Slice: "machine.slice", ContainerID: idA, Runtime: "docker"},
		"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator": {Unit: "machine-qemu\\x2d1\\x2dvm.scope", Slice: "machine.slice"},
		"/machine.slice/machine-lxc\\x2d7\\x2dweb.scope":                  {Unit: "machine-lxc\\x2d7\\x2dweb.scope", Slice: "machine.slice", ContainerID: "lxc-7-web", Runtime: "lxc"},

		"/system.slice/docker-" + idA + ".scope":               {Unit: "docker-" + idA + ".scope", Slice: "system.slice", ContainerID: idA, Runtime: "docker"},
		"/docker/" + idA:                                       {ContainerID: idA, Runtime: "docker"},
		"/docker/" + idA + "/kubelet/pods/" + idB:              {ContainerID: idB},
		"/system.slice/docker-" + idA + ".scope/docker/" + idB: {Unit: "docker-" + idA + ".scope", Slice: "system.slice", ContainerID: idB, Runtime: "docker"},
		"/system.slice/docker.service":                         {Unit: "docker.service", Slice: "system.slice"},
		"/system.slice/docker-" + idA[1:] + ".scope":           {Unit: "docker-" + idA[1:] + ".scope", Slice: "system.slice"},
		"/docker/" + strings.ToUpper(idA):                      {},
		podSlice + "/cri-containerd-" + idA + ".scope":         {Unit: "cri-containerd-" + idA + ".scope", Slice: "kubepods-burstable-pod1f9f4a.slice", ContainerID: idA, Runtime: "containerd"},
		podSlice + "/crio-" + idA + ".scope":                   {Unit: "crio-" + idA + ".scope", Slice: "kubepods-burstable-pod1f9f4a.slice", ContainerID: idA, Runtime: "cri-o"},
		podSlice + "/crio-conmon-" + idA + ".scope":            {Unit: "crio-conmon-" + idA + ".scope", Slice: "kubepods-burstable-pod1f9f4a.slice"},
		"/kubepods/burstable/pod1f9f4a/" + idA:                 {ContainerID: idA},
		"/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + idA: {
			Unit: "containerd.service", Slice: "system.slice", ContainerID: idA, Runtime: "containerd"},
		"/machine.slice/libpod-" + idA + ".scope/container": {Unit: "libpod-" + idA + ".scope", Slice: "machine.slice", ContainerID: idA, Runtime: "podman"},
		"/machine.slice/libpod-conmon-" + idA + ".scope":    {Unit: "libpod-conmon-" + idA + ".scope", Slice: "machine.slice"},
		"/libpod_parent/" + idA:                             {ContainerID: idA, Runtime: "podman"},
		"/lxc.payload.web/system.slice/nginx.service":       {ContainerID: "web", Runtime: "lxc"},
		"/lxc.monitor.web":                                  {},
		"/lxc/web/init.scope":                               {ContainerID: "web", Runtime: "lxc"},

		"/system.slice/.service":                                 {Slice: "system.slice"},
		"/system.slice/@.service":                                {Slice: "system.slice"},
		"/system.slice/a b.service":                              {Slice: "system.slice"},
		"/system.slice/\x1b[2J\n.service":                        {Slice: "system.slice"},
		"/system.slice/" + strings.Repeat("a", 247) + ".service": {Unit: strings.Repeat("a", 247) + ".service", Slice: "system.slice"},
		"/system.slice/" + strings.Repeat("a", 248) + ".service": {Slice: "system.slice"},
		"/../foo.service":                                        {},
		"foo.service":                                            {Unit: "foo.service", Slice: "-.slice"},
		"/machine.slice/machine-.scope":                          {Unit: "machine-.scope", Slice: "machine.slice"},
	}
	for path, want := range tests {
		if got := Unit(path); got != want {
			t.Errorf("%s\ngot  %+v\nwant %+v", path, got, want)
		}
	}
}

func TestUnescapeUnit(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "foo": "foo", `a\x2db`: "a-b", `\x2d\x2d`: "--", `a\x2`: `a\x2`, `a\xzz`: `a\xzz`, `\`: `\`, `a\x0ab`: "a\nb",
	} {
		if got := unescapeUnit(in); got != want {
			t.Errorf("unescapeUnit(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPods(t *testing.T) {
	const uid, mirror = "1f9f4a9b-0c4d-4e6f-8081-92a3b4c5d6e7", "3f2a1b0c4d5e6f708192a3b4c5d6e7f8"
	under := strings.ReplaceAll(uid, "-", "_")
	for cgroup, want := range map[string]string{
		"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + under + ".slice/cri-containerd-" + idA + ".scope":                                         uid,
		"/kubepods.slice/kubepods-pod" + under + ".slice/crio-" + idA + ".scope":                                                                                      uid,
		"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" + under + ".slice/cri-containerd-" + idA + ".scope": uid,
		"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + mirror + ".slice/crio-" + idA + ".scope":                                                  mirror,
		"/kubepods/burstable/pod" + uid + "/" + idA:                                                uid,
		"/kubepods/pod" + uid + "/" + idA:                                                          uid,
		"/system.slice/containerd.service/kubepods-pod" + under + ".slice:cri-containerd:" + idA:   uid,
		"/docker/" + idA + "/kubepods.slice/kubepods-pod" + under + ".slice/cri-containerd-" + idB: uid,
		"/kubepods.slice/kubepods-burstable.slice":                                                 "",
		"/system.slice/pod" + uid + ".service":                                                     "",
		"/pod" + uid:                                                                               "",
		"/kubepods/burstable/podman":                                                               "",
		"/kubepods.slice/kubepods-pod" + strings.ToUpper(under) + ".slice":                         "",
		"/user.slice/my-pod" + under + ".slice":                                                    "",
	} {
		if got := Unit(cgroup).PodUID; got != want {
			t.Errorf("the pod of %q is %q; want %q", cgroup, got, want)
		}
	}
}

func TestUnits(t *testing.T) {
	for cgroup, want := range map[string]string{
		"":                          "",
		"/":                         "",
		"/init.scope":               "init.scope",
		"/system.slice":             "system.slice",
		"/system.slice/foo.service": "system.slice foo.service",
		"/system.slice/system-getty.slice/getty@tty1.service":                 "system.slice system-getty.slice getty@tty1.service",
		"/system.slice/foo.service/sub.slice/bar.service":                     "system.slice foo.service",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service": "user.slice user-1000.slice user@1000.service",
		"/docker/0123/system.slice/foo.service":                               "",
	} {
		if got := Units(cgroup); got != want {
			t.Errorf("Units(%q) = %q; want %q", cgroup, got, want)
		}
	}
}

func FuzzUnit(f *testing.F) {
	f.Add("/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service")
	f.Add("/machine.slice/machine-a\\x2.scope/" + idA)
	f.Fuzz(func(t *testing.T, path string) {
		p := Unit(path)
		for _, name := range []string{p.Unit, p.UserUnit, p.Slice} {
			if strings.ContainsAny(name, "/\n\x1b ") {
				t.Errorf("Unit(%q) has %q", path, name)
			}
		}
	})
}
