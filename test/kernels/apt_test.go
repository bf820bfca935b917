package kernels

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMirrorOfTheMachine(t *testing.T) {
	const mirror, own = "http://mirror.example/debian", debianMirror
	for _, c := range []struct{ name, targets, want string }{
		{"its own", "bookworm main " + mirror + "/\n", mirror},
		{"without a slash", "bookworm main " + mirror + "\n", mirror},
		{"among others", "nodistro main http://other.example\nbookworm-security main http://sec.example\n" +
			"bookworm contrib http://contrib.example\nbookworm main " + mirror + "/\nbookworm main http://second.example/\n", mirror},
		{"called stable", "stable main " + mirror + "/\n", mirror},
		{"no sources", "", own},
		{"only somebody else's", "trixie main http://other.example/\n", own},
		{"garbage", "bookworm main\n\nbookworm main a b\n", own},
	} {
		if got := mirrorOf("bookworm", c.targets); got != c.want {
			t.Errorf("%s: %q; want %q", c.name, got, c.want)
		}
	}
}

func TestDebianIsKnownByItsOSRelease(t *testing.T) {
	for _, c := range []struct {
		text, codename string
		isDebian       bool
	}{
		{"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_CODENAME=bookworm\n", "bookworm", true},
		{"ID=\"debian\"\nVERSION_CODENAME='trixie'", "trixie", true},
		{"ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n", "noble", false},
		{"", "", false},
	} {
		if codename, isDebian := debianCodename(c.text); codename != c.codename || isDebian != c.isDebian {
			t.Errorf("%q: %q, %v; want %q, %v", c.text, codename, isDebian, c.codename, c.isDebian)
		}
	}
}

func TestTheKernelIsLookedForInTheRightPackage(t *testing.T) {
	for depends, want := range map[string]string{
		"linux-image-6.1.0-50-cloud-amd64 (= 6.1.176-1)":                                                                 "linux-image-6.1.0-50-cloud-amd64",
		"linux-base-cloud-amd64 (= 7.3.4-1), linux-image-7.3.4+deb13-cloud-amd64 (= 7.3.4-1), linux-modules-cloud-amd64": "linux-image-7.3.4+deb13-cloud-amd64",
		"dracut | initramfs-tools (>= 0.120), linux-binary-7.3.4+deb13-cloud-amd64 (= 7.3.4-1)":                          "linux-binary-7.3.4+deb13-cloud-amd64",
		"kmod, linux-base (>= 4.3~), initramfs-tools | linux-initramfs-tool":                                             "",
		"": "",
	} {
		got, found := nextImage(pkg{depends: depends})
		if got != want || found != (want != "") {
			t.Errorf("%q: %q, %v; want %q", depends, got, found, want)
		}
	}
}

func TestOnlyTheFirstStanzaCounts(t *testing.T) {
	got := parsePackage("Package: a\nVersion: 1:2-3\nDepends: x (= 1), y\nDescription: Depends: z\n more\n\nPackage: b\nVersion: 4\n")
	if want := (pkg{"a", "1:2-3", "x (= 1), y"}); got != want {
		t.Errorf("%+v; want %+v", got, want)
	}
	if got := parsePackage(""); got != (pkg{}) {
		t.Errorf("nothing was taken for %+v", got)
	}
}

// apt itself reads the configuration: what it means is what apt says.
func TestAPrivateAptKeepsToItsDirectory(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "apt.conf")
	network := "Acquire::http::Proxy \"http://proxy.example:3128\";\n"
	if err := os.WriteFile(conf, []byte(aptConfig(dir, "arm64", network)), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("apt-config", "dump")
	cmd.Env = append(os.Environ(), "APT_CONFIG="+conf)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("apt-config: %v", withStderr(err))
	}
	got := string(out)
	for _, want := range []string{
		`Acquire::http::Proxy "http://proxy.example:3128";`, `APT::Architecture "arm64";`, `APT::Architectures:: "arm64";`,
		`Dir::State "` + dir + `";`, `Dir::Cache "` + dir + `";`, `Dir::Etc::sourcelist "` + dir + `/sources.list";`,
		`Dir::Etc::sourceparts "/dev/null";`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("apt does not have %s", want)
		}
	}
	// The machine's hooks, and its architecture.
	for _, unwanted := range []string{"Post-Invoke", `"amd64"`} {
		if strings.Contains(got, unwanted) {
			t.Errorf("apt has %s:\n%s", unwanted, got)
		}
	}
}

func TestTheSourceIsSigned(t *testing.T) {
	want := "deb [arch=arm64 signed-by=" + keyring + "] http://m.example/debian trixie main\n"
	if got := aptSource("http://m.example/debian", "trixie", "arm64"); got != want {
		t.Errorf("%q; want %q", got, want)
	}
}
