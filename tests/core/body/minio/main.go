// Writes uploads as minio-go signs and frames them, for comparison with our reader of them.
//
// Reads lines "<size> <seed> <trailer name or -> <trailer value or -> <signed or unsigned>", and writes for each the seed signature
// and the body, both after their length in 8 hexadecimal digits.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
)

type hasher struct{ hash.Hash }

func (hasher) Close() {}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var size, seed int
		var name, value, kind string
		_, err := fmt.Sscan(lines.Text(), &size, &seed, &name, &value, &kind)
		fail(err)
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(i*seed + i>>8)
		}
		request, err := http.NewRequest("PUT", "http://h/b/k", io.NopCloser(bytes.NewReader(content)))
		fail(err)
		if name != "-" {
			request.Trailer = http.Header{http.CanonicalHeaderKey(name): {value}}
		}
		if kind == "signed" {
			request = signer.StreamingSignV4(request, "AKID", "a secret of some length", "", "us-east-1", int64(size), at, hasher{sha256.New()})
		} else {
			request = signer.StreamingUnsignedV4(request, "", int64(size), at)
		}
		body, err := io.ReadAll(request.Body)
		fail(err)
		if int64(len(body)) != request.ContentLength {
			fail(fmt.Errorf("%d bytes, announced as %d", len(body), request.ContentLength))
		}
		_, signature, _ := strings.Cut(request.Header.Get("Authorization"), "Signature=")
		fmt.Fprintf(out, "%08x%s%08x%s", len(signature), signature, len(body), body)
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
