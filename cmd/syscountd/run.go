package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/agent/journal"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/procinfo"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/sink"
	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/dbusapi"
)

// run is the whole command. It returns the exit status.
func run(ctx context.Context, env env, args []string) int {
	f, err := parseFlags(args, env.stdout)
	if errors.Is(err, pflag.ErrHelp) {
		return exitOK
	}
	if err == nil {
		err = act(ctx, env, f)
	}
	if err != nil {
		complain(env, f, err)
	}
	return exitStatus(err)
}

func act(ctx context.Context, env env, f flags) error {
	if f.version {
		fmt.Fprintln(env.stdout, "syscountd", version)
		return nil
	}
	p, err := env.policy(f.config)
	if err != nil {
		return err
	}
	switch {
	case f.check:
		fmt.Fprint(env.stdout, p.Describe(), p.Sources())
		return nil
	case f.printConfig:
		fmt.Fprint(env.stdout, p.AnnotatedTOML())
		return nil
	}
	return serve(ctx, env, f, p)
}

// serve runs the service until ctx ends.
func serve(ctx context.Context, env env, f flags, p *policy.Policy) error {
	// Only from here on a signal is waited for: a command that prints, or a policy that is a
	// FIFO without a writer, ends by it at once.
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT)
	defer stop()
	// A SIGHUP that comes before we are ready must not end us: the policy is read again then.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, unix.SIGHUP)
	defer signal.Stop(hangup)
	if err := env.probe(); err != nil {
		return err
	}
	bootID, err := procinfo.NewProcfs("/proc", false).BootID()
	if err != nil {
		return fmt.Errorf("read the boot id: %w", err)
	}
	cpus, err := procinfo.OnlineCPUs()
	if err != nil {
		return err
	}
	store, err := storeOf(env, p)
	if err != nil {
		return err
	}
	stamp := record.NewStamper(bootID)
	if store != nil {
		defer store.close() // after the sink, which tells that records are out
		stamp = record.NewStamperAfter(bootID, store.memory.Seq())
	}
	out := openSink(env, f, p)
	defer closeSink(out)
	level := &dbusapi.LogLevel{}
	log := slog.New(sink.NewLogHandler(out, stamp, level))
	cgroups, err := procinfo.NewCgroupTree("/proc")
	if err != nil {
		log.Warn("units and cgroups are not known by name", "error", err)
	}
	agentEnv := agent.Env{
		Load: env.load, Policy: func() (*policy.Policy, error) { return env.policy(f.config) },
		Sink: out, Stamp: stamp, Proc: "/proc", Groups: cgroups, Log: log,
		Now: time.Now, Boot: func() time.Time { return time.Now().Add(-time.Duration(clockNs(unix.CLOCK_BOOTTIME))) },
		MonoNs: monotonic(),
		Beat:   env.watchdog, OnBeat: func() { env.notify("WATCHDOG=1") }, CPUNs: cpuNs, RSSBytes: residentBytes,
		StateFile: env.stateFile,
		CPUs:      cpus, CanWatch: env.canWatch(), Meter: env.meter,
		OnStatus: func(s *agent.Status) { env.notify("STATUS=" + s.Sentence) },
	}
	if store != nil {
		store.log = log
		agentEnv.Keeper, agentEnv.Memory = store, store.memory
	}
	a := agent.New(agentEnv, p)
	return runTasks(ctx, env, a, busOf(env, f, a, log, level, logTarget(out)), hangup, log)
}

// storeOf is nil without a service manager that could keep something.
func storeOf(env env, p *policy.Policy) (*fdStore, error) {
	if env.store == "" {
		for _, file := range env.files {
			file.Close()
		}
		return nil, nil
	}
	if len(env.files) == 0 {
		return openStore(env.store, nil, "")
	}
	layout, err := bpf.LayoutOf(agent.OptionsOf(p, p.Filter.Syscalls))
	if err != nil {
		return nil, err
	}
	return openStore(env.store, env.files, layout)
}

// openSink chooses where records go.
func openSink(env env, f flags, p *policy.Policy) sink.Sink {
	toJournal := f.output == "journal" || f.output == "auto" && p.Output.Journal == "on"
	if f.output == "auto" && p.Output.Journal == "auto" {
		toJournal = startedBySystemd() && journal.Available(env.journalSocket)
	}
	if toJournal {
		return sink.NewJournal(env.journalSocket)
	}
	if isTerminal(env.stdout) {
		return sink.NewText(env.stdout)
	}
	return sink.NewStdout(env.stdout)
}

// logTarget is what org.freedesktop.LogControl1(5) calls a sink.
func logTarget(s sink.Sink) string {
	if _, ok := s.(*sink.Journal); ok {
		return "journal"
	}
	return "console"
}

// startedBySystemd: systemd gives every unit's processes this (systemd.exec(5)).
func startedBySystemd() bool { return os.Getenv("INVOCATION_ID") != "" }

func closeSink(s sink.Sink) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.Close(ctx)
}

func busOf(env env, f flags, a *agent.Agent, log *slog.Logger, level *dbusapi.LogLevel, target string) *dbusapi.Service {
	if f.noDBus {
		return nil
	}
	return dbusapi.New(dbusapi.Config{
		Agent: reloading{a, env.notify}, Version: version, Address: env.busAddress, LogLevel: level, LogTarget: target, Features: env.features, NamePatience: env.namePatience,
		LevelSet: func(who agent.Caller, from, to string) {
			log.Log(context.Background(), slog.LevelInfo+1, "the log level was set", "from", from, "to", to, "user_id", who.UID, "pid", who.PID)
		},
		Report: func(err error) {
			if err != nil {
				log.Warn("no place on the bus; it is tried again, and tracing goes on", "error", err)
			}
		},
	})
}

// runTasks runs the agent and the bus. The agent ends last, so that its final
// summary comes after the last command.
func runTasks(ctx context.Context, env env, a *agent.Agent, bus *dbusapi.Service, hangup <-chan os.Signal, log *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	agentCtx, stopAgent := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAgent()
	group.Go(func() error { return a.Run(agentCtx) })
	group.Go(func() error {
		defer stopAgent()
		return serveCommands(ctx, env, a, bus, hangup, log)
	})
	return group.Wait()
}

// serveCommands takes commands once the agent works, and tells systemd that we
// are ready when they can come.
func serveCommands(ctx context.Context, env env, a *agent.Agent, bus *dbusapi.Service, hangup <-chan os.Signal, log *slog.Logger) error {
	extendStart(ctx, a.Ready(), env.notify, extendEach)
	if !happens(ctx, a.Ready()) {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	if bus != nil {
		group.Go(func() error { return bus.Run(ctx) })
	}
	group.Go(func() error { return reloadOnHangup(ctx, hangup, reloading{a, env.notify}) })
	group.Go(func() error {
		if bus != nil {
			awaitBus(ctx, env, bus, log)
		}
		if ctx.Err() == nil {
			env.notify("READY=1\nSTATUS=" + a.Status().Sentence)
		}
		<-ctx.Done()
		env.notify("STOPPING=1\nSTATUS=Writing the final summary.")
		return nil
	})
	return group.Wait()
}

// awaitBus waits until the name is owned. Without a bus we are ready all the same in
// the end: it is no reason to stop tracing, and the name is taken when it comes.
func awaitBus(ctx context.Context, env env, bus *dbusapi.Service, log *slog.Logger) {
	patience := time.NewTimer(env.busPatience)
	defer patience.Stop()
	select {
	case <-bus.Ready():
	case <-ctx.Done():
	case <-patience.C:
		log.Warn("there is no bus: tracing goes on without it, and it is tried again")
	}
}

// happens waits for an event; false: ctx ended first.
func happens(ctx context.Context, event <-chan struct{}) bool {
	select {
	case <-event:
		return true
	case <-ctx.Done():
		return false
	}
}

// reloadOnHangup is for those who send SIGHUP instead of systemctl reload; what
// came of it is in the state record.
func reloadOnHangup(ctx context.Context, hangup <-chan os.Signal, a reloading) error {
	for {
		select {
		case <-hangup:
			_ = a.Do(ctx, agent.Caller{Via: "signal"}, agent.Reload{})
		case <-ctx.Done():
			return nil
		}
	}
}
