package policy

import (
	"strings"
	"testing"
)

func TestAMainFileThatDropsTheShippedRulesIsToldOf(t *testing.T) {
	const own = "[[rule]]\nname = \"own\"\nthreshold = \"1s\"\n"
	shipped := Default().TOML()
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"in its place":       {map[string]string{"lib/main": shipped, "etc/main": own}, "whole-disk, sync, bulk-copy"},
		"one is kept":        {map[string]string{"lib/main": shipped, "etc/main": strings.Replace(own, "own", "sync", 1)}, "whole-disk, bulk-copy"},
		"all are there":      {map[string]string{"lib/main": shipped, "etc/main": shipped + own}, ""},
		"no rules of it":     {map[string]string{"lib/main": shipped, "etc/main": top(3)}, ""},
		"none to replace":    {map[string]string{"etc/main": own}, ""},
		"a drop-in":          {map[string]string{"lib/main": shipped, "etc/10-own.toml": own}, ""},
		"dropped on purpose": {map[string]string{"lib/main": shipped, "etc/10-own.toml": "rule = []"}, ""},
	} {
		h := newHost(t, test.files)
		p, err := h.load()
		must(t, err)
		got := p.Replaced()
		if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q; want %q", name, got, test.want)
		}
		if got != "" && (!strings.HasPrefix(got, h.path("etc/main")+" is read instead of "+h.path("lib/main")+",") ||
			!strings.HasSuffix(got, h.path("etc/10-local.toml")) || !strings.Contains(p.Describe(), "Note: "+got+".\n")) {
			t.Errorf("%s: %q, %q", name, got, p.Describe())
		}
	}
}
