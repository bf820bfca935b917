package sink

import "github.com/syscountd/syscountd/agent/record"

// messageID has the MESSAGE_ID of each event, see systemd.journal-fields(7).
// People filter by them (journalctl MESSAGE_ID=...): they never change.
func messageID(event string) string {
	switch event {
	case record.EventSlow:
		return "c8d26f38ddec435ead28775377db3758"
	case record.EventStuck:
		return "041df2158ab64757b46b731d224125ab"
	case record.EventEnded:
		return "ac2b050aba444bdcb88339d476f3863f"
	case record.EventIncident:
		return "bb649b30379c43ed8c2276da35af8438"
	case record.EventSummary:
		return "612cf8d66c454596befc43f3eec37f41"
	case record.EventInterval:
		return "d4c1d21009784c35920361ea5450b21b"
	case record.EventState:
		return "2a423ced7b4943e9a0985d9272cf76be"
	case record.EventLog:
		return "e7dd008bce124e3d88490ffb2b916395"
	}
	return ""
}
