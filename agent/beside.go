package agent

// beside has the kernel side do what takes long, and takes slow calls meanwhile: its
// ring holds some thousand, which a busy host fills in a second. What the work itself
// wants done in the loop it says to inLoop. The error of the reader of slow calls
// (unread) comes apart: it does not end the work.
func (a *Agent) beside(work func(inLoop func(func())) error) (unread, err error) {
	slow := a.session.slow
	worked, asked, done := make(chan error, 1), make(chan func()), make(chan struct{})
	go func() {
		worked <- work(func(fn func()) {
			asked <- fn
			<-done
		})
	}()
	for {
		select {
		case got := <-slow:
			if unread = a.receive(got); unread != nil {
				slow = nil
			}
		case fn := <-asked:
			fn()
			done <- struct{}{}
		case err := <-worked:
			return unread, err
		}
	}
}
