package kernels

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

func TestWhereKernelsAndBusyboxAre(t *testing.T) {
	for path, want := range map[string][2]bool{ // kernel, busybox
		"/boot/vmlinuz-6.1.0-50-cloud-amd64":               {true, false},
		"/usr/lib/modules/7.3.4+deb13-cloud-amd64/vmlinuz": {true, false},
		"/boot/config-6.1.0-50-cloud-amd64":                {},
		"/boot/System.map-6.1.0-50-cloud-amd64":            {},
		"/usr/share/doc/linux-image-6.1/vmlinuz.txt":       {},
		"/bin/busybox":     {false, true},
		"/usr/bin/busybox": {false, true},
		"/usr/share/doc/busybox-static/examples/busybox/busybox": {},
	} {
		if got := [2]bool{isKernel(path), isBusybox(path)}; got != want {
			t.Errorf("%s: kernel, busybox %v; want %v", path, got, want)
		}
	}
}

func tarOf(t *testing.T, members ...tar.Header) *bytes.Buffer {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, m := range members {
		content := []byte("content of " + m.Name)
		if m.Typeflag == tar.TypeReg {
			m.Size = int64(len(content))
		}
		if err := w.WriteHeader(&m); err != nil {
			t.Fatal(err)
		}
		if m.Typeflag == tar.TypeReg {
			w.Write(content)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &archive
}

func TestTheFirstRegularFileIsExtracted(t *testing.T) {
	archive := tarOf(t,
		tar.Header{Name: "./bin/", Typeflag: tar.TypeDir},
		tar.Header{Name: "./usr/bin/busybox", Typeflag: tar.TypeSymlink, Linkname: "/bin/busybox"},
		tar.Header{Name: "./bin/other", Typeflag: tar.TypeReg},
		tar.Header{Name: "./bin/busybox", Typeflag: tar.TypeReg})
	target := filepath.Join(t.TempDir(), "x")
	if err := extractTar(archive, target, isBusybox); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(target); string(got) != "content of ./bin/busybox" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAPackageWithoutTheFileIsAnError(t *testing.T) {
	target := filepath.Join(t.TempDir(), "x")
	complete := tarOf(t, tar.Header{Name: "./bin/other", Typeflag: tar.TypeReg})
	if err := extractTar(complete, target, isBusybox); err == nil {
		t.Error("no error, though it is not there")
	}
	cut := tarOf(t, tar.Header{Name: "./bin/busybox", Typeflag: tar.TypeReg}).Bytes()[:520]
	if err := extractTar(bytes.NewReader(cut), target, isBusybox); err == nil {
		t.Error("no error, though the archive is cut off")
	}
	if err := extract(t.Context(), "/nonexistent.deb", target, isBusybox); err == nil {
		t.Error("no error, though there is no package")
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("something was written all the same")
	}
}

// A package that dpkg-deb has built is read through dpkg-deb.
func TestAFileIsExtractedFromAPackage(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"DEBIAN/control": "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: x\n",
		"boot/vmlinuz-1": "the kernel",
		"boot/z":         "what comes after it",
	} {
		path := filepath.Join(root, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	deb, target := filepath.Join(t.TempDir(), "x.deb"), filepath.Join(t.TempDir(), "x")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "--build", root, deb).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v: %s", err, out)
	}
	if err := extract(t.Context(), deb, target, isKernel); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != "the kernel" {
		t.Errorf("extracted %q", got)
	}
}

func TestTheCacheIsKeyedByVersion(t *testing.T) {
	names := []string{
		cacheName(pkg{name: "linux-image", version: "6.1-1"}, "bookworm-amd64"),
		cacheName(pkg{name: "linux-image", version: "6.1-2"}, "bookworm-amd64"),
		cacheName(pkg{name: "linux-image", version: "6.1-1"}, "bookworm-arm64"),
		cacheName(pkg{name: "busybox", version: "1:6.1-1"}, "bookworm-amd64"),
	}
	if want := "bookworm-amd64_busybox_1%3a6.1-1"; names[3] != want {
		t.Errorf("%q; want %q", names[3], want)
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != 4 {
		t.Errorf("two have one name: %q", names)
	}
}

func TestWhatIsNotUsedIsRemovedFromTheCache(t *testing.T) {
	cache := t.TempDir()
	for _, name := range []string{"lock", "a_kernel_1", "a_kernel_2"} {
		if err := os.WriteFile(filepath.Join(cache, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(cache, "trixie_lists"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := removeStale(cache, []string{filepath.Join(cache, "a_kernel_2")}); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if want := []string{"a_kernel_2", "lock", "trixie_lists"}; !slices.Equal(left, want) {
		t.Errorf("left %q; want %q", left, want)
	}
}

func TestTheCacheIsWhereXDGSays(t *testing.T) {
	for base, want := range map[string]string{
		"/home/x/.cache": "/home/x/.cache/syscountd-test/kernels", "": "/var/cache/syscountd-test/kernels",
	} {
		t.Setenv("XDG_CACHE_HOME", base)
		if got := cacheDir(); got != want {
			t.Errorf("%q: %s; want %s", base, got, want)
		}
	}
}
