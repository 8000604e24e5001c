// Command verify issues a key, then verifies the HTTP request in the file COUNTERSEAL_REQUEST (default: one without a signature).
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	countersealv1 "github.com/counterseal/counterseal/clients/go/counterseal/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

func main() {
	server := cmp.Or(os.Getenv("COUNTERSEAL_SERVER"), "127.0.0.1:50051")
	conn := must(grpc.NewClient(server, grpc.WithTransportCredentials(insecure.NewCredentials())))
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	admin := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+os.Getenv("COUNTERSEAL_TOKEN"))
	issued := must(countersealv1.NewKeyServiceClient(conn).IssueKey(admin, &countersealv1.IssueKeyRequest{Principal: "go"}))
	fmt.Println("issued", issued.GetKey().GetKeyId())

	text := "GET /hello HTTP/1.1\nhost: example.test\n"
	if path := os.Getenv("COUNTERSEAL_REQUEST"); path != "" {
		text = string(must(os.ReadFile(path)))
	}
	request := &countersealv1.VerifyRequest{Subject: &countersealv1.VerifyRequest_HttpRequest{HttpRequest: readRequest(text)}}
	response := must(countersealv1.NewVerificationServiceClient(conn).Verify(ctx, request))
	switch outcome := response.GetOutcome().(type) {
	case *countersealv1.VerifyResponse_Verified:
		fmt.Println("verified", outcome.Verified.GetKeyId())
	case *countersealv1.VerifyResponse_Rejected:
		fmt.Println("rejected", outcome.Rejected.GetReason())
	default:
		fmt.Println("not verified: an outcome that this program does not know")
	}
}

// readRequest takes the lines of a request without a body apart; a gateway copies the fields from its HTTP server instead.
func readRequest(text string) *countersealv1.HttpRequest {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	method, rest, _ := strings.Cut(lines[0], " ")
	target, _, _ := strings.Cut(rest, " ")
	request := &countersealv1.HttpRequest{Method: method, Target: []byte(target), Body: &countersealv1.HttpRequest_Content{}}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		request.Headers = append(request.Headers, &countersealv1.Header{Name: name, Value: []byte(value)})
	}
	return request
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
