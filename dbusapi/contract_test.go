package dbusapi

import (
	"encoding/xml"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What the XML file says.
type (
	xmlNode struct {
		Interfaces []xmlInterface `xml:"interface"`
		Nodes      []xmlNode      `xml:"node"`
		Name       string         `xml:"name,attr"`
	}
	xmlInterface struct {
		Name       string        `xml:"name,attr"`
		Methods    []xmlMethod   `xml:"method"`
		Signals    []xmlMethod   `xml:"signal"`
		Properties []xmlProperty `xml:"property"`
	}
	xmlMethod struct {
		Name string `xml:"name,attr"`
		Args []struct {
			Name      string `xml:"name,attr"`
			Type      string `xml:"type,attr"`
			Direction string `xml:"direction,attr"`
		} `xml:"arg"`
	}
	xmlProperty struct {
		Name        string `xml:"name,attr"`
		Type        string `xml:"type,attr"`
		Access      string `xml:"access,attr"`
		Annotations []struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
		} `xml:"annotation"`
	}
)

// args gives a method's arguments of one direction.
func (m xmlMethod) args(direction string) []arg {
	var out []arg
	for _, a := range m.Args {
		if a.Direction == direction {
			out = append(out, arg{a.Name, a.Type})
		}
	}
	return out
}

// contract parses the XML file; strictly, by way of an unknown token's error.
func contract(t *testing.T) map[string]xmlInterface {
	t.Helper()
	return parseNode(t, Contract())
}

func parseNode(t *testing.T, text string) map[string]xmlInterface {
	t.Helper()
	var node xmlNode
	if err := xml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatalf("parse introspection XML: %v", err)
	}
	ifaces := map[string]xmlInterface{}
	for _, i := range node.Interfaces {
		ifaces[i.Name] = i
	}
	return ifaces
}

// served is the object's method tables under the names that callers use.
func served() interfaces {
	ifaces := maps.Clone(newObjects(nil).byPath[ObjectPath])
	ifaces[peerInterface] = ifaces[ourPeer]
	delete(ifaces, ourPeer)
	return ifaces
}

func TestContractHasTheInterfacesThatAreServed(t *testing.T) {
	want := slices.Sorted(maps.Keys(contract(t)))
	got := slices.Sorted(maps.Keys(served()))
	if !slices.Equal(got, want) {
		t.Errorf("served interfaces:\n got %q\nwant %q", got, want)
	}
}

func TestContractMethodsEqualTheMethodTables(t *testing.T) {
	for name, iface := range contract(t) {
		table := served()[name]
		for _, m := range iface.Methods {
			code, ok := table[m.Name]
			if !ok {
				t.Errorf("%s.%s is in the XML and not in the code", name, m.Name)
				continue
			}
			if !slices.Equal(code.in, m.args("in")) || !slices.Equal(code.out, m.args("out")) {
				t.Errorf("%s.%s: code takes %v and returns %v, XML says %v and %v",
					name, m.Name, code.in, code.out, m.args("in"), m.args("out"))
			}
			if len(m.Args) != len(code.in)+len(code.out) {
				t.Errorf("%s.%s: an argument in the XML has no direction", name, m.Name)
			}
			if code.run == nil {
				t.Errorf("%s.%s does nothing", name, m.Name)
			}
		}
		for method := range table {
			if !slices.ContainsFunc(iface.Methods, func(m xmlMethod) bool { return m.Name == method }) {
				t.Errorf("%s.%s is in the code and not in the XML", name, method)
			}
		}
	}
}

func TestContractPropertiesEqualThePropertyTable(t *testing.T) {
	var want []property
	for _, p := range contract(t)[Interface].Properties {
		if p.Access != "read" {
			t.Errorf("property %s: access %q, want read", p.Name, p.Access)
		}
		if len(p.Annotations) != 1 || p.Annotations[0].Name != "org.freedesktop.DBus.Property.EmitsChangedSignal" {
			t.Fatalf("property %s: annotations %v, want EmitsChangedSignal alone", p.Name, p.Annotations)
		}
		want = append(want, property{name: p.Name, sig: p.Type, emits: p.Annotations[0].Value})
	}
	got := managerProperties()
	for i := range got {
		got[i].get = nil // functions do not compare
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("properties:\n got %v\nwant %v", got, want)
	}
}

// Method names are looked up without an interface too, so they must not collide.
func TestMethodNamesAreUniqueInTheObject(t *testing.T) {
	seen := map[string]string{}
	for iface, ms := range served() {
		for name := range ms {
			if other, ok := seen[name]; ok {
				t.Errorf("%s is in %s and in %s", name, iface, other)
			}
			seen[name] = iface
		}
	}
}

func TestContractDocumentsEveryMethodPropertyAndArgument(t *testing.T) {
	iface := contract(t)[Interface]
	for _, p := range iface.Properties {
		if !strings.Contains(Contract(), "<!-- "+p.Name+": ") {
			t.Errorf("property %s has no doc comment", p.Name)
		}
	}
	for _, m := range iface.Methods {
		_, after, ok := strings.Cut(Contract(), "<!-- "+m.Name+": ")
		if !ok {
			t.Errorf("method %s has no doc comment", m.Name)
			continue
		}
		doc, _, _ := strings.Cut(after, "-->")
		for _, a := range m.Args {
			if !strings.Contains(doc, "@"+a.Name+":") {
				t.Errorf("method %s: argument %s is not documented", m.Name, a.Name)
			}
		}
	}
}

func TestContractNamesEveryErrorThatTheServiceSends(t *testing.T) {
	for _, e := range errorNames {
		if strings.HasPrefix(e.name, ownError) && !strings.Contains(Contract(), e.name) {
			t.Errorf("%s is not in the contract", e.name)
		}
	}
}
