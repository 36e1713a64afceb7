//go:build unix

package udf

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// setAttributes makes the child lead a process group, run as the user, and die with us if the system
// can do that.
func setAttributes(cmd *exec.Cmd, name string) error {
	a := &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(a)
	cmd.SysProcAttr = a
	if name == "" {
		return nil
	}
	u, err := lookupUser(name)
	if err != nil {
		return err
	}
	if int(u.Uid) != os.Geteuid() || u.Uid == 0 {
		a.Credential = u
	}
	return nil
}

// lookupUser returns the identity of a user, by name or number, with all groups.
func lookupUser(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if _, numeric := strconv.Atoi(name); err != nil && numeric == nil {
		u, err = user.LookupId(name)
	}
	if err != nil {
		return nil, err
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	c := &syscall.Credential{}
	for _, g := range groups {
		id, err := strconv.ParseUint(g, 10, 32)
		if err != nil {
			return nil, err
		}
		c.Groups = append(c.Groups, uint32(id))
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	c.Uid, c.Gid = uint32(uid), uint32(gid)
	return c, nil
}

// killGroup kills the process and all others of its group, also stopped ones.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) } // there may be none left
