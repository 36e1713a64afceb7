package alert

import (
	"reflect"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/codec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// TestCodec fills in every field there is, so that none is forgotten, lists with so many elements.
func TestCodec(t *testing.T) {
	for _, n := range []int{0, 1, 3} {
		t.Run(strconv.Itoa(n), func(t *testing.T) { testCodec(t, n) })
	}
}

func testCodec(t *testing.T, n int) {
	k := 0
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		k++
		switch v.Kind() {
		case reflect.String:
			v.SetString("s" + strconv.Itoa(k))
		case reflect.Int, reflect.Int64:
			v.SetInt(int64(-k))
		case reflect.Uint8:
			v.SetUint(uint64(k % 4))
		case reflect.Uint64:
			v.SetUint(1<<63 + uint64(k))
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Slice:
			if n > 0 {
				v.Set(reflect.MakeSlice(v.Type(), n, n))
			}
			for i := range n {
				fill(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				fill(v.Field(i))
			}
		default:
			t.Fatalf("the codec does not know fields of type %s", v.Type())
		}
	}
	var event Event
	var state EventState
	fill(reflect.ValueOf(&event).Elem())
	fill(reflect.ValueOf(&state).Elem())
	event.Fields = append(event.Fields, point.Field{Key: "nan", Value: point.FloatValue(0)})
	var w codec.Encoder
	event.Encode(&w)
	state.Encode(&w)
	d := &codec.Decoder{B: w.B}
	require.Equal(t, &event, DecodeEvent(d))
	require.Equal(t, state, DecodeState(d))
	require.NoError(t, d.Err())
	for i := range w.B {
		d := &codec.Decoder{B: w.B[:i]}
		DecodeEvent(d)
		DecodeState(d)
		require.Error(t, d.Err())
	}
}
