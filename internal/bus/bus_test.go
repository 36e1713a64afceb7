package bus

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

type receiver struct{ name string }

func (*receiver) Events([]*alert.Event, func([]*alert.Event)) {}
func (*receiver) Points([]Point)                              {}

type sender struct{ told []Receiver }

func (s *sender) Receive(r Receiver) { s.told = append(s.told, r) }

func TestSendersHearOfEachReceiver(t *testing.T) {
	var b Bus
	early, late := &sender{}, &sender{}
	leave := b.Join(early)
	require.Equal(t, []Receiver{nil}, early.told)
	require.False(t, b.Attached())

	one, two := &receiver{"one"}, &receiver{"two"}
	detach, err := b.Attach(one)
	require.NoError(t, err)
	require.True(t, b.Attached())
	b.Join(late)
	require.Equal(t, []Receiver{one}, late.told)

	_, err = b.Attach(two)
	require.ErrorIs(t, err, ErrTaken)
	detach()
	detach() // a second time must not take away the next one
	_, err = b.Attach(two)
	require.NoError(t, err)
	detach()
	require.True(t, b.Attached())
	require.Equal(t, []Receiver{nil, one, nil, two}, early.told)
	require.Equal(t, []Receiver{one, nil, two}, late.told)
	leave()
	leave()
	require.Len(t, b.senders, 1)
}
