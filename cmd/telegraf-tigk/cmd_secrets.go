package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/awnumar/memguard"
	"github.com/influxdata/telegraf"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

func secretsCommand() *cli.Command {
	return &cli.Command{
		Name:  "secrets",
		Usage: "list, get and set secrets in the configured secret stores",
		Description: "The stores are those of the configuration, which --config and --config-directory\n" +
			"before \"secrets\" select.",
		Subcommands: []*cli.Command{
			{
				Name:      "list",
				Usage:     "list the known secrets of all or of the given stores",
				ArgsUsage: "[STORE]...",
				Flags:     []cli.Flag{&cli.BoolFlag{Name: "reveal-secret", Usage: "print the values too"}},
				Action:    secretsList,
			},
			{
				Name:      "get",
				Usage:     "print one secret",
				ArgsUsage: "STORE KEY",
				Action:    secretsGet,
			},
			{
				Name:      "set",
				Usage:     "create or change a secret; without a value it is asked for",
				ArgsUsage: "STORE KEY [VALUE]",
				Action:    secretsSet,
			},
		},
	}
}

// secretStores loads the configuration with nothing but its secret stores.
func secretStores(c *cli.Context) (map[string]telegraf.SecretStore, error) {
	opt, err := optionsOf(c)
	if err != nil {
		return nil, err
	}
	opt.filters.secretsOnly()
	cfg, err := loadOnly(opt)
	if err != nil {
		return nil, err
	}
	return cfg.SecretStores, nil
}

func secretStore(c *cli.Context, id string) (telegraf.SecretStore, error) {
	stores, err := secretStores(c)
	if err != nil {
		return nil, err
	}
	store, ok := stores[id]
	if !ok {
		return nil, fmt.Errorf("unknown secret store %q", id)
	}
	return store, nil
}

func secretsList(c *cli.Context) error {
	stores, err := secretStores(c)
	if err != nil {
		return err
	}
	ids := c.Args().Slice()
	if len(ids) == 0 {
		ids = names(stores)
	}
	slices.Sort(ids)

	for _, id := range ids {
		store, ok := stores[id]
		if !ok {
			return fmt.Errorf("unknown secret store %q", id)
		}
		keys, err := store.List()
		if err != nil {
			return fmt.Errorf("unable to get secrets from store %q: %w", id, err)
		}
		slices.Sort(keys)
		fmt.Fprintf(c.App.Writer, "Known secrets for store %q:\n", id)
		for _, key := range keys {
			var value []byte
			if c.Bool("reveal-secret") {
				if value, err = store.Get(key); err != nil {
					return fmt.Errorf("unable to get value of secret %q from store %q: %w", key, id, err)
				}
			}
			fmt.Fprintf(c.App.Writer, "    %-30s  %s\n", key, value)
			memguard.WipeBytes(value)
		}
	}
	return nil
}

func secretsGet(c *cli.Context) error {
	if c.NArg() != 2 {
		return errors.New("invalid number of arguments")
	}
	id, key := c.Args().Get(0), c.Args().Get(1)
	store, err := secretStore(c, id)
	if err != nil {
		return err
	}
	value, err := store.Get(key)
	if err != nil {
		return fmt.Errorf("unable to get secret: %w", err)
	}
	defer memguard.WipeBytes(value)
	fmt.Fprintf(c.App.Writer, "%s:%s = %s\n", id, key, value)
	return nil
}

func secretsSet(c *cli.Context) error {
	if c.NArg() != 2 && c.NArg() != 3 {
		return errors.New("invalid number of arguments")
	}
	id, key, value := c.Args().Get(0), c.Args().Get(1), c.Args().Get(2)
	store, err := secretStore(c, id)
	if err != nil {
		return err
	}
	editor, ok := store.(telegraf.SecretStoreEditor)
	if !ok {
		return fmt.Errorf("secret store %q does not support setting secrets", id)
	}
	if value == "" {
		fmt.Fprint(c.App.Writer, "Enter secret value: ")
		b, err := term.ReadPassword(int(os.Stdin.Fd()))
		if err != nil {
			return err
		}
		fmt.Fprintln(c.App.Writer)
		value = string(b)
	}
	if err := editor.Set(key, value); err != nil {
		return fmt.Errorf("unable to set secret: %w", err)
	}
	return nil
}
