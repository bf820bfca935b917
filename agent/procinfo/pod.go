package procinfo

import "strings"

// podOf is the uid of the innermost Kubernetes pod; "" outside of pods. The names are
// those that the kubelet makes (pkg/kubelet/cm/pod_container_manager_linux.go and
// cgroup_manager_linux.go): with systemd's cgroups kubepods-burstable-podUID.slice, in which
// the dashes of the uid are underscores; else kubepods/burstable/podUID.
func podOf(elements []string) string {
	pod, inPods := "", false
	for _, e := range elements {
		uid, ok := podSlice(e)
		if !ok && inPods {
			uid, ok = strings.CutPrefix(e, "pod")
		}
		if ok && isPodUID(uid) {
			pod = uid
		}
		inPods = inPods || strings.HasPrefix(e, "kubepods")
	}
	return pod
}

func podSlice(element string) (uid string, ok bool) {
	name, _, _ := strings.Cut(element, ":") // as in SLICE:cri-containerd:ID
	name, ok = strings.CutSuffix(name, ".slice")
	if !ok {
		return "", false
	}
	before, uid, ok := strings.Cut(name, "-pod")
	return strings.ReplaceAll(uid, "_", "-"), ok && strings.Contains(before, "kubepods")
}

// isPodUID: a UUID or, of the pods that the kubelet reads from files, a hash of 32 digits.
func isPodUID(s string) bool {
	return (len(s) == 36 || len(s) == 32) && strings.Trim(s, "0123456789abcdef-") == ""
}
