package learn

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// version of the file. Another one is not read: what was learned is learned anew.
const version = 1

// maxState bounds the file in bytes: a full table with the longest names is half of it.
const maxState = 8 << 20

// state is the file.
type state struct {
	Version int        `json:"version"`
	Rows    []stateRow `json:"rows"`
}

type stateRow struct {
	Unit        string    `json:"unit"`
	Syscall     string    `json:"syscall"`
	ThresholdNs int64     `json:"threshold_ns,omitempty"`
	QuantilesNs []uint64  `json:"quantiles_ns"` // of the parts of the window, the newest last
	Seen        time.Time `json:"seen"`
}

// Marshal is the table as a file keeps it; the parts that are not over are left out.
func (t *Table) Marshal() []byte {
	s := state{Version: version, Rows: []stateRow{}}
	for key, r := range t.rows {
		if len(r.past) > 0 {
			s.Rows = append(s.Rows, stateRow{key.Unit, key.Syscall, int64(r.threshold), slices.Clone(r.past), r.seen})
		}
	}
	slices.SortFunc(s.Rows, func(a, b stateRow) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Syscall, b.Syscall))
	})
	text, err := json.Marshal(s)
	if err != nil {
		panic("encode what was learned: " + err.Error()) // it holds texts, numbers and times only
	}
	return append(text, '\n')
}

// Unmarshal reads what Marshal gave. Rows that make no sense, or are older than a window, are
// left out.
func Unmarshal(text []byte, o Options, now time.Time) (*Table, error) {
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("is no JSON of ours: %w", err)
	}
	if s.Version != version {
		return nil, fmt.Errorf("has version %d; this syscountd reads version %d", s.Version, version)
	}
	t := &Table{rows: map[Key]*row{}}
	for _, from := range s.Rows[:min(len(s.Rows), MaxRows)] {
		age := now.Sub(from.Seen)
		if from.ThresholdNs < 0 || len(from.QuantilesNs) > parts || age < 0 || age > o.Window {
			continue
		}
		r := &row{threshold: time.Duration(from.ThresholdNs), past: from.QuantilesNs, seen: from.Seen, began: now}
		t.rows[Key{from.Unit, from.Syscall}] = r
	}
	return t, nil
}

// ReadFile reads the table from a file; an empty one if there is none.
func ReadFile(path string, o Options, now time.Time) (*Table, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Table{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxState))
	if err != nil {
		return nil, err
	}
	t, err := Unmarshal(text, o, now)
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return t, nil
}

// WriteFile replaces the file by another one: who reads it sees the one or the other. It does not
// wait for the disk: after a crash of the host there may be the old one, or none.
func WriteFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
