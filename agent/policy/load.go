package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxDropIns bounds the drop-ins of all directories together.
const maxDropIns = 256

// Where the policy is in each directory of HostDirs.
const (
	mainFile  = "syscountd/syscountd.toml"
	dropInDir = "syscountd/syscountd.toml.d"
)

// HostDirs are where the policy is looked for: the vendor's, the one for the time until the next
// boot, and the administrator's, each before the one to its left.
func HostDirs() []string { return []string{"/usr/lib", "/run", "/etc"} }

// LoadFile reads the policy from one file and nothing else. An error is an *Error.
func LoadFile(path string) (*Policy, error) {
	s, err := readSource(path)
	if err != nil {
		return nil, err
	}
	return merge([]source{s})
}

// LoadDirs reads the policy of a host as systemd reads its own (systemd-system.conf(5)): the main
// file of the last directory that has one, and over it the drop-ins of all of them, sorted by their
// names. Of drop-ins with the same name the last directory's counts; one that is
// empty or a link to /dev/null only masks the others. Without any file it is Default.
func LoadDirs(dirs []string) (*Policy, error) {
	var sources []source
	for i, dir := range slices.Backward(dirs) {
		s, err := readSource(filepath.Join(dir, mainFile))
		if errors.Is(err, fs.ErrNotExist) && !isLink(filepath.Join(dir, mainFile)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s.replaces = lastMain(dirs[:i])
		sources = append(sources, s)
		break
	}
	paths, err := dropIns(dirs)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		s, err := readSource(path)
		if err != nil {
			return nil, err
		}
		if s.dropIn = true; len(s.text) > 0 {
			sources = append(sources, s)
		}
	}
	return merge(sources)
}

// lastMain is the main file of the last directory that has one; "" if none has.
func lastMain(dirs []string) string {
	for _, dir := range slices.Backward(dirs) {
		if path := filepath.Join(dir, mainFile); isLink(path) {
			return path
		}
	}
	return ""
}

// isLink: a link that leads nowhere is a mistake, not the absence of a file.
func isLink(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// dropIns gives the paths of those that count, in the order of their names.
func dropIns(dirs []string) ([]string, error) {
	byName := map[string]string{}
	for _, dir := range dirs {
		dir = filepath.Join(dir, dropInDir)
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, readError(dir, err)
		}
		for _, e := range entries {
			if name := e.Name(); strings.HasSuffix(name, ".toml") && !strings.HasPrefix(name, ".") {
				byName[name] = filepath.Join(dir, name)
			}
		}
	}
	if len(byName) > maxDropIns {
		return nil, &Error{File: filepath.Join(dirs[len(dirs)-1], dropInDir), Reason: fmt.Sprintf("there are %d drop-ins in all directories; at most %d are allowed", len(byName), maxDropIns)}
	}
	var paths []string
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		paths = append(paths, byName[name])
	}
	return paths, nil
}

func readSource(path string) (source, error) {
	text, err := readBounded(path)
	if err != nil {
		return source{}, readError(path, err)
	}
	return source{file: path, text: text}, nil
}

// readBounded reads a file, but not more than tells that it is too long: the path
// may be that of a device.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxBytes+1))
}
