import type { SourceFile } from "../src/schema/manifest.ts";

type Write = (name: string, index: number) => string;

/** A tree as people have it: workloads, their Services, settings and scripts; about 40 lines each, one file each. */
export function makeManifests(count: number): readonly SourceFile[] {
  const encoder = new TextEncoder();
  return Array.from({ length: count }, (_, index) => {
    const [folder, write] = MIX[index % MIX.length] ?? MIX[0];
    // What belongs together has one name.
    const name = `app-${Math.floor(index / MIX.length)}`;
    return { path: `${folder}/${name}.yaml`, content: encoder.encode(write(name, index)) };
  });
}

const MIX: readonly [[string, Write], ...(readonly [string, Write])[]] = [
  ["deployments", deployment],
  ["services", service],
  ["settings", configMap],
  ["deployments-two", (name, index) => deployment(`${name}-two`, index)],
  ["jobs", job],
  ["pods", pod],
  ["secrets", secret],
  ["deployments-three", (name, index) => deployment(`${name}-three`, index)],
];

function labels(name: string, indent: string): string {
  return [
    `app.kubernetes.io/name: ${name}`,
    `app.kubernetes.io/instance: ${name}-production`,
    'app.kubernetes.io/version: "1.27.3"',
    "app.kubernetes.io/part-of: shop",
  ]
    .map((line) => `${indent}${line}\n`)
    .join("");
}

function deployment(name: string, index: number): string {
  return `# The ${name} service
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels:
${labels(name, "    ")}spec:
  replicas: ${(index % 5) + 1}
  selector:
    matchLabels:
      app.kubernetes.io/name: ${name}
  template:
    metadata:
      labels:
${labels(name, "        ")}    spec:
      containers:
        - name: web
          image: registry.example.com/shop/${name}:1.27.${index}
          args: ["--port=8080", "--log-level", "info"]
          ports:
            - name: http
              containerPort: 8080
          env:
            - name: DATABASE_URL
              value: "postgres://db.shop.svc:5432/${name}"
            - name: WORKERS
              value: "4"
          resources:
            requests: { cpu: 100m, memory: 128Mi }
            limits:
              memory: 256Mi
          readinessProbe:
            httpGet:
              path: /healthz
              port: http
`;
}

function service(name: string, index: number): string {
  const ports = ["http", "metrics", "admin", "debug", "grpc"].map(
    (port, place) => `    - name: ${port}
      port: ${80 + place}
      targetPort: ${8080 + place}
      protocol: TCP
`,
  );
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  labels:
${labels(name, "    ")}  annotations:
    example.com/owner: team-${index % 40}
    example.com/contact: "team-${index % 40}@example.com"
    example.com/description: >-
      The entry of ${name}, for the other
      services of the shop and for people.
spec:
  type: ClusterIP
  sessionAffinity: None
  selector:
    app.kubernetes.io/name: ${name}
  ports:
${ports.join("")}`;
}

function configMap(name: string, index: number): string {
  const lines = Array.from(
    { length: 12 },
    (_, line) => `    setting.${line} = value-${index + line}\n`,
  );
  return `apiVersion: v1
kind: ConfigMap
metadata:
  name: ${name}
  labels:
${labels(name, "    ")}data:
  LOG_LEVEL: info
  CACHE_SIZE: "128"
  FEATURES: 'search,basket'
  app.properties: |
${lines.join("")}  start.sh: |-
    #!/bin/sh
    set -eu

    exec /app/serve \\
      --config /etc/app/app.properties \\
      --name "${name}"
  nginx.conf: |
    server {
      listen 8080;
      location / { proxy_pass http://127.0.0.1:9000; }
    }
`;
}

function job(name: string, index: number): string {
  return `apiVersion: batch/v1
kind: Job
metadata:
  name: ${name}
  labels:
${labels(name, "    ")}spec:
  backoffLimit: 3
  activeDeadlineSeconds: 600
  template:
    metadata:
      labels:
${labels(name, "        ")}    spec:
      restartPolicy: Never
      containers:
        - name: migrate
          image: registry.example.com/shop/${name}:1.27.${index}
          command:
            - /bin/sh
            - -c
            - |
              set -eu
              migrate --wait
          env:
            - name: DATABASE_URL
              value: "postgres://db.shop.svc:5432/${name}"
          resources:
            requests:
              cpu: 250m
              memory: 64Mi
            limits:
              memory: 128Mi
`;
}

function pod(name: string, index: number): string {
  return `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  labels:
    role: tool
    example.com/owner: team-${index % 40}
spec:
  restartPolicy: OnFailure
  terminationGracePeriodSeconds: 10
  nodeSelector:
    disk: ssd
  containers:
    - name: tool
      image: registry.example.com/tools/${name}:2
      command: [sleep, "3600"]
      workingDir: /work
      env:
        - name: MODE
          value: batch
      volumeMounts:
        - name: settings
          mountPath: /etc/settings
          readOnly: true
        - name: scratch
          mountPath: /work
      resources:
        requests: { cpu: 50m, memory: 32Mi }
        limits: { cpu: "1", memory: 64Mi }
      livenessProbe:
        exec:
          command: [test, -e, /work]
        periodSeconds: 20
  volumes:
    - name: settings
      configMap:
        name: ${name}
    - name: scratch
      emptyDir: {}
`;
}

function secret(name: string, index: number): string {
  const keys = Array.from(
    { length: 28 },
    (_, key) => `  KEY_${key}: ${btoa(`value ${index} of key ${key}`)}\n`,
  );
  return `apiVersion: v1
kind: Secret
metadata:
  name: ${name}
  labels:
${labels(name, "    ")}type: Opaque
data:
${keys.join("")}`;
}
