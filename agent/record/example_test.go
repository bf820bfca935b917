package record

import (
	"fmt"
	"time"
)

func Example() {
	stamper := NewStamper("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9")
	r := &Log{Severity: 4, Text: "journal: \x1b[31mslow", Attributes: map[string]string{"waited": "100ms"}}
	stamper.Stamp(r, time.Date(2026, 11, 22, 3, 12, 7, 118204551, time.UTC))
	fmt.Printf("%s\n", Marshal(r))
	// Output:
	// {"time":"2026-11-22T03:12:07.118204551Z","level":"WARN","msg":"journal: \\x1b[31mslow","event":"log","schema":"syscountd/1","seq":1,"boot_id":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","attributes":{"waited":"100ms"}}
}
