package task

// Outline loads a script as far as that goes while its user-defined functions cannot be asked: what it
// says about them is not checked. The task is good for what it says about itself, such as the
// measurements that it wants, and not to be started.
func Outline(cfg Config) (*Task, error) { return load(cfg, true) }
