// Uploads a file with minio-go, which signs the chunks of what it streams over plain http.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func main() {
	host, region, bucket, key, file := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	client, err := minio.New(host, &minio.Options{
		Creds:           credentials.NewStaticV4(os.Getenv("KEY_ID"), os.Getenv("SECRET"), ""),
		Region:          region,
		BucketLookup:    minio.BucketLookupPath,
		TrailingHeaders: os.Getenv("TRAILER") != "",
		MaxRetries:      1,
	})
	fail(err)
	body, err := os.Open(file)
	fail(err)
	size, err := body.Stat()
	fail(err)
	options := minio.PutObjectOptions{DisableMultipart: os.Getenv("PART_SIZE") == ""}
	if os.Getenv("PART_SIZE") != "" {
		_, err = fmt.Sscan(os.Getenv("PART_SIZE"), &options.PartSize)
		fail(err)
	}
	if os.Getenv("TRAILER") != "" {
		options.Checksum = minio.ChecksumCRC32C
	}
	_, err = client.PutObject(context.Background(), bucket, key, body, size.Size(), options)
	fail(err)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
