package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Where the policy is looked for when no file is given: the vendor's, and the
// administrator's, which replaces it as a whole.
const (
	VendorFile = "/usr/lib/syscountd/syscountd.toml"
	AdminFile  = "/etc/syscountd/syscountd.toml"
)

// Load reads the policy from the last of these files that exists; from none of
// them, it is Default. A single path is one that somebody asked for: it has to exist. An
// error of the policy itself is an *Error; one of reading names the file.
func Load(paths []string) (*Policy, error) {
	for i := len(paths) - 1; i >= 0; i-- {
		text, err := readBounded(paths[i])
		if errors.Is(err, fs.ErrNotExist) && len(paths) > 1 {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read policy: %w", err)
		}
		return Parse(paths[i], text)
	}
	return Default(), nil
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
