/**
 * Which number has which field, of every kind that the API takes in protobuf: a message a line, its fields in the order
 * of Kubernetes' types. `scripts/read-protobuf-fields.mjs` prints it; the numbers never change.
 *
 * `name=number`, then `?` where a zero is as good as nothing (what points to a value has none: its zero counts), then
 * `[]` or `{}` for lists and maps with names, then the type: `s` text, `i` whole number, `b` yes or no, `d` fraction,
 * `y` bytes, a word that `decode.ts` knows, or a message. The fields of `~` stand beside their neighbours in JSON.
 */
export const MESSAGES = `
apps/v1.ControllerRevision metadata=1?meta/v1.ObjectMeta data=2json revision=3i
apps/v1.DaemonSet metadata=1?meta/v1.ObjectMeta spec=2?apps/v1.DaemonSetSpec status=3?apps/v1.DaemonSetStatus
apps/v1.DaemonSetCondition type=1s status=2s lastTransitionTime=3?time reason=4?s message=5?s
apps/v1.DaemonSetSpec selector=1meta/v1.LabelSelector template=2core/v1.PodTemplateSpec updateStrategy=3?apps/v1.DaemonSetUpdateStrategy minReadySeconds=4?i revisionHistoryLimit=6i
apps/v1.DaemonSetStatus currentNumberScheduled=1i numberMisscheduled=2i desiredNumberScheduled=3i numberReady=4i observedGeneration=5?i updatedNumberScheduled=6?i numberAvailable=7?i numberUnavailable=8?i collisionCount=9i conditions=10?[]apps/v1.DaemonSetCondition
apps/v1.DaemonSetUpdateStrategy type=1?s rollingUpdate=2apps/v1.RollingUpdateDaemonSet
apps/v1.Deployment metadata=1?meta/v1.ObjectMeta spec=2?apps/v1.DeploymentSpec status=3?apps/v1.DeploymentStatus
apps/v1.DeploymentCondition type=1s status=2s lastUpdateTime=6?time lastTransitionTime=7?time reason=4?s message=5?s
apps/v1.DeploymentSpec replicas=1i selector=2meta/v1.LabelSelector template=3core/v1.PodTemplateSpec strategy=4?apps/v1.DeploymentStrategy minReadySeconds=5?i revisionHistoryLimit=6i paused=7?b progressDeadlineSeconds=9i
apps/v1.DeploymentStatus observedGeneration=1?i replicas=2?i updatedReplicas=3?i readyReplicas=7?i availableReplicas=4?i unavailableReplicas=5?i terminatingReplicas=9i conditions=6?[]apps/v1.DeploymentCondition collisionCount=8i
apps/v1.DeploymentStrategy type=1?s rollingUpdate=2apps/v1.RollingUpdateDeployment
apps/v1.ReplicaSet metadata=1?meta/v1.ObjectMeta spec=2?apps/v1.ReplicaSetSpec status=3?apps/v1.ReplicaSetStatus
apps/v1.ReplicaSetCondition type=1s status=2s lastTransitionTime=3?time reason=4?s message=5?s
apps/v1.ReplicaSetSpec replicas=1i minReadySeconds=4?i selector=2meta/v1.LabelSelector template=3?core/v1.PodTemplateSpec
apps/v1.ReplicaSetStatus replicas=1i fullyLabeledReplicas=2?i readyReplicas=4?i availableReplicas=5?i terminatingReplicas=7i observedGeneration=3?i conditions=6?[]apps/v1.ReplicaSetCondition
apps/v1.RollingUpdateDaemonSet maxUnavailable=1intOrString maxSurge=2intOrString
apps/v1.RollingUpdateDeployment maxUnavailable=1intOrString maxSurge=2intOrString
apps/v1.RollingUpdateStatefulSetStrategy partition=1i maxUnavailable=2intOrString
apps/v1.StatefulSet metadata=1?meta/v1.ObjectMeta spec=2?apps/v1.StatefulSetSpec status=3?apps/v1.StatefulSetStatus
apps/v1.StatefulSetCondition type=1s status=2s lastTransitionTime=3?time reason=4?s message=5?s
apps/v1.StatefulSetOrdinals start=1i
apps/v1.StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted=1?s whenScaled=2?s
apps/v1.StatefulSetSpec replicas=1i selector=2meta/v1.LabelSelector template=3core/v1.PodTemplateSpec volumeClaimTemplates=4?[]core/v1.PersistentVolumeClaim serviceName=5s podManagementPolicy=6?s updateStrategy=7?apps/v1.StatefulSetUpdateStrategy revisionHistoryLimit=8i minReadySeconds=9?i persistentVolumeClaimRetentionPolicy=10apps/v1.StatefulSetPersistentVolumeClaimRetentionPolicy ordinals=11apps/v1.StatefulSetOrdinals
apps/v1.StatefulSetStatus observedGeneration=1?i replicas=2i readyReplicas=3?i currentReplicas=4?i updatedReplicas=5?i currentRevision=6?s updateRevision=7?s collisionCount=9i conditions=10?[]apps/v1.StatefulSetCondition availableReplicas=11i
apps/v1.StatefulSetUpdateStrategy type=1?s rollingUpdate=2apps/v1.RollingUpdateStatefulSetStrategy
authentication/v1.BoundObjectReference kind=1?s apiVersion=2?s name=3?s uid=4?s
authentication/v1.SelfSubjectReview metadata=1?meta/v1.ObjectMeta status=2?authentication/v1.SelfSubjectReviewStatus
authentication/v1.SelfSubjectReviewStatus userInfo=1?authentication/v1.UserInfo
authentication/v1.TokenRequest metadata=1?meta/v1.ObjectMeta spec=2authentication/v1.TokenRequestSpec status=3?authentication/v1.TokenRequestStatus
authentication/v1.TokenRequestSpec audiences=1[]s expirationSeconds=4i boundObjectRef=3authentication/v1.BoundObjectReference attestations=5?{}[]s
authentication/v1.TokenRequestStatus token=1s expirationTimestamp=2time
authentication/v1.TokenReview metadata=1?meta/v1.ObjectMeta spec=2authentication/v1.TokenReviewSpec status=3?authentication/v1.TokenReviewStatus
authentication/v1.TokenReviewSpec token=1?s audiences=2?[]s
authentication/v1.TokenReviewStatus authenticated=1?b user=2?authentication/v1.UserInfo audiences=4?[]s error=3?s
authentication/v1.UserInfo username=1?s uid=2?s groups=3?[]s extra=4?{}strings
authorization/v1.FieldSelectorAttributes rawSelector=1?s requirements=2?[]meta/v1.FieldSelectorRequirement
authorization/v1.LabelSelectorAttributes rawSelector=1?s requirements=2?[]meta/v1.LabelSelectorRequirement
authorization/v1.LocalSubjectAccessReview metadata=1?meta/v1.ObjectMeta spec=2authorization/v1.SubjectAccessReviewSpec status=3?authorization/v1.SubjectAccessReviewStatus
authorization/v1.NonResourceAttributes path=1?s verb=2?s
authorization/v1.NonResourceRule verbs=1[]s nonResourceURLs=2?[]s
authorization/v1.ResourceAttributes namespace=1?s verb=2?s group=3?s version=4?s resource=5?s subresource=6?s name=7?s fieldSelector=8authorization/v1.FieldSelectorAttributes labelSelector=9authorization/v1.LabelSelectorAttributes
authorization/v1.ResourceRule verbs=1[]s apiGroups=2?[]s resources=3?[]s resourceNames=4?[]s
authorization/v1.SelfSubjectAccessReview metadata=1?meta/v1.ObjectMeta spec=2authorization/v1.SelfSubjectAccessReviewSpec status=3?authorization/v1.SubjectAccessReviewStatus
authorization/v1.SelfSubjectAccessReviewSpec resourceAttributes=1authorization/v1.ResourceAttributes nonResourceAttributes=2authorization/v1.NonResourceAttributes
authorization/v1.SelfSubjectRulesReview metadata=1?meta/v1.ObjectMeta spec=2authorization/v1.SelfSubjectRulesReviewSpec status=3?authorization/v1.SubjectRulesReviewStatus
authorization/v1.SelfSubjectRulesReviewSpec namespace=1?s
authorization/v1.SubjectAccessReview metadata=1?meta/v1.ObjectMeta spec=2authorization/v1.SubjectAccessReviewSpec status=3?authorization/v1.SubjectAccessReviewStatus
authorization/v1.SubjectAccessReviewSpec resourceAttributes=1authorization/v1.ResourceAttributes nonResourceAttributes=2authorization/v1.NonResourceAttributes user=3?s groups=4?[]s extra=5?{}strings uid=6?s
authorization/v1.SubjectAccessReviewStatus allowed=1b denied=4?b reason=2?s evaluationError=3?s
authorization/v1.SubjectRulesReviewStatus resourceRules=1[]authorization/v1.ResourceRule nonResourceRules=2[]authorization/v1.NonResourceRule incomplete=3b evaluationError=4?s
autoscaling/v1.CrossVersionObjectReference kind=1s name=2s apiVersion=3?s
autoscaling/v1.HorizontalPodAutoscaler metadata=1?meta/v1.ObjectMeta spec=2?autoscaling/v1.HorizontalPodAutoscalerSpec status=3?autoscaling/v1.HorizontalPodAutoscalerStatus
autoscaling/v1.HorizontalPodAutoscalerSpec scaleTargetRef=1autoscaling/v1.CrossVersionObjectReference minReplicas=2i maxReplicas=3i targetCPUUtilizationPercentage=4i
autoscaling/v1.HorizontalPodAutoscalerStatus observedGeneration=1i lastScaleTime=2time currentReplicas=3i desiredReplicas=4i currentCPUUtilizationPercentage=5i
autoscaling/v1.Scale metadata=1?meta/v1.ObjectMeta spec=2?autoscaling/v1.ScaleSpec status=3?autoscaling/v1.ScaleStatus
autoscaling/v1.ScaleSpec replicas=1?i
autoscaling/v1.ScaleStatus replicas=1i selector=2?s
autoscaling/v2.ContainerResourceMetricSource name=1s target=2autoscaling/v2.MetricTarget container=3s
autoscaling/v2.ContainerResourceMetricStatus name=1s current=2autoscaling/v2.MetricValueStatus container=3s
autoscaling/v2.CrossVersionObjectReference kind=1s name=2s apiVersion=3?s
autoscaling/v2.ExternalMetricSource metric=1autoscaling/v2.MetricIdentifier target=2autoscaling/v2.MetricTarget
autoscaling/v2.ExternalMetricStatus metric=1autoscaling/v2.MetricIdentifier current=2autoscaling/v2.MetricValueStatus
autoscaling/v2.HPAScalingPolicy type=1s value=2i periodSeconds=3i
autoscaling/v2.HPAScalingRules stabilizationWindowSeconds=3i selectPolicy=1s policies=2?[]autoscaling/v2.HPAScalingPolicy tolerance=4quantity
autoscaling/v2.HorizontalPodAutoscaler metadata=1?meta/v1.ObjectMeta spec=2?autoscaling/v2.HorizontalPodAutoscalerSpec status=3?autoscaling/v2.HorizontalPodAutoscalerStatus
autoscaling/v2.HorizontalPodAutoscalerBehavior scaleUp=1autoscaling/v2.HPAScalingRules scaleDown=2autoscaling/v2.HPAScalingRules
autoscaling/v2.HorizontalPodAutoscalerCondition type=1s status=2s lastTransitionTime=3?time reason=4?s message=5?s observedGeneration=6i
autoscaling/v2.HorizontalPodAutoscalerSpec scaleTargetRef=1autoscaling/v2.CrossVersionObjectReference minReplicas=2i maxReplicas=3i metrics=4?[]autoscaling/v2.MetricSpec behavior=5autoscaling/v2.HorizontalPodAutoscalerBehavior
autoscaling/v2.HorizontalPodAutoscalerStatus observedGeneration=1i lastScaleTime=2time currentReplicas=3?i desiredReplicas=4i currentMetrics=5[]autoscaling/v2.MetricStatus conditions=6?[]autoscaling/v2.HorizontalPodAutoscalerCondition
autoscaling/v2.MetricIdentifier name=1s selector=2meta/v1.LabelSelector
autoscaling/v2.MetricSpec type=1s object=2autoscaling/v2.ObjectMetricSource pods=3autoscaling/v2.PodsMetricSource resource=4autoscaling/v2.ResourceMetricSource containerResource=7autoscaling/v2.ContainerResourceMetricSource external=5autoscaling/v2.ExternalMetricSource
autoscaling/v2.MetricStatus type=1s object=2autoscaling/v2.ObjectMetricStatus pods=3autoscaling/v2.PodsMetricStatus resource=4autoscaling/v2.ResourceMetricStatus containerResource=7autoscaling/v2.ContainerResourceMetricStatus external=5autoscaling/v2.ExternalMetricStatus
autoscaling/v2.MetricTarget type=1s value=2quantity averageValue=3quantity averageUtilization=4i
autoscaling/v2.MetricValueStatus value=1quantity averageValue=2quantity averageUtilization=3i
autoscaling/v2.ObjectMetricSource describedObject=1autoscaling/v2.CrossVersionObjectReference target=2autoscaling/v2.MetricTarget metric=3autoscaling/v2.MetricIdentifier
autoscaling/v2.ObjectMetricStatus metric=1autoscaling/v2.MetricIdentifier current=2autoscaling/v2.MetricValueStatus describedObject=3autoscaling/v2.CrossVersionObjectReference
autoscaling/v2.PodsMetricSource metric=1autoscaling/v2.MetricIdentifier target=2autoscaling/v2.MetricTarget
autoscaling/v2.PodsMetricStatus metric=1autoscaling/v2.MetricIdentifier current=2autoscaling/v2.MetricValueStatus
autoscaling/v2.ResourceMetricSource name=1s target=2autoscaling/v2.MetricTarget
autoscaling/v2.ResourceMetricStatus name=1s current=2autoscaling/v2.MetricValueStatus
batch/v1.CronJob metadata=1?meta/v1.ObjectMeta spec=2?batch/v1.CronJobSpec status=3?batch/v1.CronJobStatus
batch/v1.CronJobSpec schedule=1s timeZone=8s startingDeadlineSeconds=2i concurrencyPolicy=3?s suspend=4b jobTemplate=5batch/v1.JobTemplateSpec successfulJobsHistoryLimit=6i failedJobsHistoryLimit=7i
batch/v1.CronJobStatus active=1?[]core/v1.ObjectReference lastScheduleTime=4time lastSuccessfulTime=5time
batch/v1.Job metadata=1?meta/v1.ObjectMeta spec=2?batch/v1.JobSpec status=3?batch/v1.JobStatus
batch/v1.JobCondition type=1s status=2s lastProbeTime=3?time lastTransitionTime=4?time reason=5?s message=6?s
batch/v1.JobSchedulingConfiguration
batch/v1.JobSpec parallelism=1i completions=2i activeDeadlineSeconds=3i podFailurePolicy=11batch/v1.PodFailurePolicy successPolicy=16batch/v1.SuccessPolicy backoffLimit=7i backoffLimitPerIndex=12i maxFailedIndexes=13i selector=4meta/v1.LabelSelector manualSelector=5b template=6core/v1.PodTemplateSpec ttlSecondsAfterFinished=8i completionMode=9s suspend=10b podReplacementPolicy=14s managedBy=15s scheduling=17batch/v1.JobSchedulingConfiguration
batch/v1.JobStatus conditions=1?[]batch/v1.JobCondition startTime=2time completionTime=3time active=4?i succeeded=5?i failed=6?i terminating=11i completedIndexes=7?s failedIndexes=10s uncountedTerminatedPods=8batch/v1.UncountedTerminatedPods ready=9i
batch/v1.JobTemplateSpec metadata=1?meta/v1.ObjectMeta spec=2?batch/v1.JobSpec
batch/v1.PodFailurePolicy rules=1[]batch/v1.PodFailurePolicyRule
batch/v1.PodFailurePolicyOnExitCodesRequirement containerName=1s operator=2s values=3[]i
batch/v1.PodFailurePolicyOnPodConditionsPattern type=1s status=2s
batch/v1.PodFailurePolicyRule action=1s onExitCodes=2batch/v1.PodFailurePolicyOnExitCodesRequirement onPodConditions=3?[]batch/v1.PodFailurePolicyOnPodConditionsPattern
batch/v1.SuccessPolicy rules=1[]batch/v1.SuccessPolicyRule
batch/v1.SuccessPolicyRule succeededIndexes=1s succeededCount=2i
batch/v1.UncountedTerminatedPods succeeded=1?[]s failed=2?[]s
certificates/v1.CertificateSigningRequest metadata=1?meta/v1.ObjectMeta spec=2certificates/v1.CertificateSigningRequestSpec status=3?certificates/v1.CertificateSigningRequestStatus
certificates/v1.CertificateSigningRequestCondition type=1s status=6s reason=2?s message=3?s lastUpdateTime=4?time lastTransitionTime=5?time
certificates/v1.CertificateSigningRequestSpec request=1y signerName=7s expirationSeconds=8i usages=5?[]s username=2?s uid=3?s groups=4?[]s extra=6?{}[]s
certificates/v1.CertificateSigningRequestStatus conditions=1?[]certificates/v1.CertificateSigningRequestCondition certificate=2?y
coordination/v1.Lease metadata=1?meta/v1.ObjectMeta spec=2?coordination/v1.LeaseSpec
coordination/v1.LeaseSpec holderIdentity=1s leaseDurationSeconds=2i acquireTime=3microTime renewTime=4microTime leaseTransitions=5i strategy=6s preferredHolder=7s
core/v1.AWSElasticBlockStoreVolumeSource volumeID=1s fsType=2?s partition=3?i readOnly=4?b
core/v1.Affinity nodeAffinity=1core/v1.NodeAffinity podAffinity=2core/v1.PodAffinity podAntiAffinity=3core/v1.PodAntiAffinity
core/v1.AppArmorProfile type=1s localhostProfile=2s
core/v1.AttachedVolume name=1s devicePath=2s
core/v1.AzureDiskVolumeSource diskName=1s diskURI=2s cachingMode=3s fsType=4s readOnly=5b kind=6s
core/v1.AzureFilePersistentVolumeSource secretName=1s shareName=2s readOnly=3?b secretNamespace=4s
core/v1.AzureFileVolumeSource secretName=1s shareName=2s readOnly=3?b
core/v1.Binding metadata=1?meta/v1.ObjectMeta target=2core/v1.ObjectReference
core/v1.CSIPersistentVolumeSource driver=1s volumeHandle=2s readOnly=3?b fsType=4?s volumeAttributes=5?{}s controllerPublishSecretRef=6core/v1.SecretReference nodeStageSecretRef=7core/v1.SecretReference nodePublishSecretRef=8core/v1.SecretReference controllerExpandSecretRef=9core/v1.SecretReference nodeExpandSecretRef=10core/v1.SecretReference
core/v1.CSIVolumeSource driver=1s readOnly=2b fsType=3s volumeAttributes=4?{}s nodePublishSecretRef=5core/v1.LocalObjectReference
core/v1.Capabilities add=1?[]s drop=2?[]s
core/v1.CephFSPersistentVolumeSource monitors=1[]s path=2?s user=3?s secretFile=4?s secretRef=5core/v1.SecretReference readOnly=6?b
core/v1.CephFSVolumeSource monitors=1[]s path=2?s user=3?s secretFile=4?s secretRef=5core/v1.LocalObjectReference readOnly=6?b
core/v1.CinderPersistentVolumeSource volumeID=1s fsType=2?s readOnly=3?b secretRef=4core/v1.SecretReference
core/v1.CinderVolumeSource volumeID=1s fsType=2?s readOnly=3?b secretRef=4core/v1.LocalObjectReference
core/v1.ClientIPConfig timeoutSeconds=1i
core/v1.ClusterTrustBundleProjection name=1s signerName=2s labelSelector=3meta/v1.LabelSelector optional=5b path=4s user=6i
core/v1.ConfigMap metadata=1?meta/v1.ObjectMeta immutable=4b data=2?{}s binaryData=3?{}y
core/v1.ConfigMapEnvSource ~1=1core/v1.LocalObjectReference optional=2b
core/v1.ConfigMapKeySelector ~1=1core/v1.LocalObjectReference key=2s optional=3b
core/v1.ConfigMapNodeConfigSource namespace=1s name=2s uid=3?s resourceVersion=4?s kubeletConfigKey=5s
core/v1.ConfigMapProjection ~1=1core/v1.LocalObjectReference items=2?[]core/v1.KeyToPath optional=4b
core/v1.ConfigMapVolumeSource ~1=1core/v1.LocalObjectReference items=2?[]core/v1.KeyToPath defaultMode=3i optional=4b defaultUser=5i
core/v1.Container name=1s image=2?s command=3?[]s args=4?[]s workingDir=5?s ports=6?[]core/v1.ContainerPort envFrom=19?[]core/v1.EnvFromSource env=7?[]core/v1.EnvVar resources=8?core/v1.ResourceRequirements resizePolicy=23?[]core/v1.ContainerResizePolicy restartPolicy=24s restartPolicyRules=25?[]core/v1.ContainerRestartRule volumeMounts=9?[]core/v1.VolumeMount volumeDevices=21?[]core/v1.VolumeDevice livenessProbe=10core/v1.Probe readinessProbe=11core/v1.Probe startupProbe=22core/v1.Probe lifecycle=12core/v1.Lifecycle terminationMessagePath=13?s terminationMessagePolicy=20?s imagePullPolicy=14?s securityContext=15core/v1.SecurityContext stdin=16?b stdinOnce=17?b tty=18?b
core/v1.ContainerExtendedResourceRequest containerName=1s resourceName=2s requestName=3s
core/v1.ContainerImage names=1[]s sizeBytes=2?i
core/v1.ContainerPort name=1?s hostPort=2?i containerPort=3i protocol=4?s hostIP=5?s
core/v1.ContainerResizePolicy resourceName=1s restartPolicy=2s
core/v1.ContainerRestartRule action=1?s exitCodes=2core/v1.ContainerRestartRuleOnExitCodes
core/v1.ContainerRestartRuleOnExitCodes operator=1?s values=2?[]i
core/v1.ContainerState waiting=1core/v1.ContainerStateWaiting running=2core/v1.ContainerStateRunning terminated=3core/v1.ContainerStateTerminated
core/v1.ContainerStateRunning startedAt=1?time
core/v1.ContainerStateTerminated exitCode=1i signal=2?i reason=3?s message=4?s startedAt=5?time finishedAt=6?time containerID=7?s
core/v1.ContainerStateWaiting reason=1?s message=2?s
core/v1.ContainerStatus name=1s state=2?core/v1.ContainerState lastState=3?core/v1.ContainerState ready=4b restartCount=5i image=6s imageID=7s containerID=8?s started=9b allocatedResources=10?{}quantity resources=11core/v1.ResourceRequirements volumeMounts=12?[]core/v1.VolumeMountStatus user=13core/v1.ContainerUser allocatedResourcesStatus=14?[]core/v1.ResourceStatus stopSignal=15s
core/v1.ContainerUser linux=1core/v1.LinuxContainerUser
core/v1.DaemonEndpoint Port=1i
core/v1.DownwardAPIProjection items=1?[]core/v1.DownwardAPIVolumeFile
core/v1.DownwardAPIVolumeFile path=1s fieldRef=2core/v1.ObjectFieldSelector resourceFieldRef=3core/v1.ResourceFieldSelector mode=4i user=5i
core/v1.DownwardAPIVolumeSource items=1?[]core/v1.DownwardAPIVolumeFile defaultMode=2i defaultUser=3i
core/v1.EmptyDirVolumeSource medium=1?s sizeLimit=2quantity mode=3i
core/v1.EndpointAddress ip=1s hostname=3?s nodeName=4s targetRef=2core/v1.ObjectReference
core/v1.EndpointPort name=1?s port=2i protocol=3?s appProtocol=4s
core/v1.EndpointSubset addresses=1?[]core/v1.EndpointAddress notReadyAddresses=2?[]core/v1.EndpointAddress ports=3?[]core/v1.EndpointPort
core/v1.Endpoints metadata=1?meta/v1.ObjectMeta subsets=2?[]core/v1.EndpointSubset
core/v1.EnvFromSource prefix=1?s configMapRef=2core/v1.ConfigMapEnvSource secretRef=3core/v1.SecretEnvSource
core/v1.EnvVar name=1s value=2?s valueFrom=3core/v1.EnvVarSource
core/v1.EnvVarSource fieldRef=1core/v1.ObjectFieldSelector resourceFieldRef=2core/v1.ResourceFieldSelector configMapKeyRef=3core/v1.ConfigMapKeySelector secretKeyRef=4core/v1.SecretKeySelector fileKeyRef=5core/v1.FileKeySelector
core/v1.EphemeralContainer ~1=1core/v1.EphemeralContainerCommon targetContainerName=2?s
core/v1.EphemeralContainerCommon name=1s image=2?s command=3?[]s args=4?[]s workingDir=5?s ports=6?[]core/v1.ContainerPort envFrom=19?[]core/v1.EnvFromSource env=7?[]core/v1.EnvVar resources=8?core/v1.ResourceRequirements resizePolicy=23?[]core/v1.ContainerResizePolicy restartPolicy=24s restartPolicyRules=25?[]core/v1.ContainerRestartRule volumeMounts=9?[]core/v1.VolumeMount volumeDevices=21?[]core/v1.VolumeDevice livenessProbe=10core/v1.Probe readinessProbe=11core/v1.Probe startupProbe=22core/v1.Probe lifecycle=12core/v1.Lifecycle terminationMessagePath=13?s terminationMessagePolicy=20?s imagePullPolicy=14?s securityContext=15core/v1.SecurityContext stdin=16?b stdinOnce=17?b tty=18?b
core/v1.EphemeralVolumeSource volumeClaimTemplate=1core/v1.PersistentVolumeClaimTemplate
core/v1.Event metadata=1meta/v1.ObjectMeta involvedObject=2core/v1.ObjectReference reason=3?s message=4?s source=5?core/v1.EventSource firstTimestamp=6?time lastTimestamp=7?time count=8?i type=9?s eventTime=10?microTime series=11core/v1.EventSeries action=12?s related=13core/v1.ObjectReference reportingComponent=14s reportingInstance=15s
core/v1.EventSeries count=1?i lastObservedTime=2?microTime
core/v1.EventSource component=1?s host=2?s
core/v1.EvictionResponder name=1s priority=2i
core/v1.ExecAction command=1?[]s
core/v1.FCVolumeSource targetWWNs=1?[]s lun=2i fsType=3?s readOnly=4?b wwids=5?[]s
core/v1.FileKeySelector volumeName=1s path=2s key=3s optional=4b
core/v1.FlexPersistentVolumeSource driver=1s fsType=2?s secretRef=3core/v1.SecretReference readOnly=4?b options=5?{}s
core/v1.FlexVolumeSource driver=1s fsType=2?s secretRef=3core/v1.LocalObjectReference readOnly=4?b options=5?{}s
core/v1.FlockerVolumeSource datasetName=1?s datasetUUID=2?s
core/v1.GCEPersistentDiskVolumeSource pdName=1s fsType=2?s partition=3?i readOnly=4?b
core/v1.GRPCAction port=1i service=2s mode=3s
core/v1.GitRepoVolumeSource repository=1s revision=2?s directory=3?s
core/v1.GlusterfsPersistentVolumeSource endpoints=1s path=2s readOnly=3?b endpointsNamespace=4s
core/v1.GlusterfsVolumeSource endpoints=1s path=2s readOnly=3?b
core/v1.HTTPGetAction path=1?s port=2intOrString host=3?s scheme=4?s httpHeaders=5?[]core/v1.HTTPHeader protocol=6s
core/v1.HTTPHeader name=1s value=2s
core/v1.HostAlias ip=1s hostnames=2?[]s
core/v1.HostIP ip=1s
core/v1.HostPathVolumeSource path=1s type=2s
core/v1.ISCSIPersistentVolumeSource targetPortal=1s iqn=2s lun=3i iscsiInterface=4?s fsType=5?s readOnly=6?b portals=7?[]s chapAuthDiscovery=8?b chapAuthSession=11?b secretRef=10core/v1.SecretReference initiatorName=12s
core/v1.ISCSIVolumeSource targetPortal=1s iqn=2s lun=3i iscsiInterface=4?s fsType=5?s readOnly=6?b portals=7?[]s chapAuthDiscovery=8?b chapAuthSession=11?b secretRef=10core/v1.LocalObjectReference initiatorName=12s
core/v1.ImageVolumeSource reference=1?s pullPolicy=2?s
core/v1.ImageVolumeStatus imageRef=1?s
core/v1.KeyToPath key=1s path=2s mode=3i user=4i
core/v1.Lifecycle postStart=1core/v1.LifecycleHandler preStop=2core/v1.LifecycleHandler stopSignal=3s
core/v1.LifecycleHandler exec=1core/v1.ExecAction httpGet=2core/v1.HTTPGetAction tcpSocket=3core/v1.TCPSocketAction sleep=4core/v1.SleepAction
core/v1.LimitRange metadata=1?meta/v1.ObjectMeta spec=2?core/v1.LimitRangeSpec
core/v1.LimitRangeItem type=1s max=2?{}quantity min=3?{}quantity default=4?{}quantity defaultRequest=5?{}quantity maxLimitRequestRatio=6?{}quantity
core/v1.LimitRangeSpec limits=1[]core/v1.LimitRangeItem
core/v1.LinuxContainerUser uid=1i gid=2i supplementalGroups=3?[]i
core/v1.LoadBalancerIngress ip=1?s hostname=2?s ipMode=3s ports=4?[]core/v1.PortStatus
core/v1.LoadBalancerStatus ingress=1?[]core/v1.LoadBalancerIngress
core/v1.LocalObjectReference name=1?s
core/v1.LocalVolumeSource path=1s fsType=2s
core/v1.ModifyVolumeStatus targetVolumeAttributesClassName=1?s status=2s
core/v1.NFSVolumeSource server=1s path=2s readOnly=3?b
core/v1.Namespace metadata=1?meta/v1.ObjectMeta spec=2?core/v1.NamespaceSpec status=3?core/v1.NamespaceStatus
core/v1.NamespaceCondition type=1s status=2s lastTransitionTime=4?time reason=5?s message=6?s
core/v1.NamespaceSpec finalizers=1?[]s
core/v1.NamespaceStatus phase=1?s conditions=2?[]core/v1.NamespaceCondition
core/v1.Node metadata=1?meta/v1.ObjectMeta spec=2?core/v1.NodeSpec status=3?core/v1.NodeStatus
core/v1.NodeAddress type=1s address=2s
core/v1.NodeAffinity requiredDuringSchedulingIgnoredDuringExecution=1core/v1.NodeSelector preferredDuringSchedulingIgnoredDuringExecution=2?[]core/v1.PreferredSchedulingTerm
core/v1.NodeAllocatableMappedResources name=1s quantity=2quantity
core/v1.NodeAllocatableOverheadResources name=1s perPod=2quantity perContainer=3quantity
core/v1.NodeAllocatableResourceClaimStatus resourceClaimName=1s containers=2?[]s mapping=4?[]core/v1.NodeAllocatableMappedResources overhead=5?[]core/v1.NodeAllocatableOverheadResources
core/v1.NodeCondition type=1s status=2s lastHeartbeatTime=3?time lastTransitionTime=4?time reason=5?s message=6?s
core/v1.NodeConfigSource configMap=2core/v1.ConfigMapNodeConfigSource
core/v1.NodeConfigStatus assigned=1core/v1.NodeConfigSource active=2core/v1.NodeConfigSource lastKnownGood=3core/v1.NodeConfigSource error=4?s
core/v1.NodeDaemonEndpoints kubeletEndpoint=1?core/v1.DaemonEndpoint
core/v1.NodeFeatures supplementalGroupsPolicy=1b
core/v1.NodePodPreemptionPolicy disableResizePreemption=1?[]s
core/v1.NodeRuntimeHandler name=1s features=2core/v1.NodeRuntimeHandlerFeatures
core/v1.NodeRuntimeHandlerFeatures recursiveReadOnlyMounts=1b userNamespaces=2b
core/v1.NodeSelector nodeSelectorTerms=1[]core/v1.NodeSelectorTerm
core/v1.NodeSelectorRequirement key=1s operator=2s values=3?[]s
core/v1.NodeSelectorTerm matchExpressions=1?[]core/v1.NodeSelectorRequirement matchFields=2?[]core/v1.NodeSelectorRequirement
core/v1.NodeSpec podCIDR=1?s podCIDRs=7?[]s providerID=3?s unschedulable=4?b taints=5?[]core/v1.Taint configSource=6core/v1.NodeConfigSource externalID=2?s podPreemptionPolicy=8core/v1.NodePodPreemptionPolicy
core/v1.NodeStatus capacity=1?{}quantity allocatable=2?{}quantity phase=3?s conditions=4?[]core/v1.NodeCondition addresses=5?[]core/v1.NodeAddress daemonEndpoints=6?core/v1.NodeDaemonEndpoints nodeInfo=7?core/v1.NodeSystemInfo images=8?[]core/v1.ContainerImage volumesInUse=9?[]s volumesAttached=10?[]core/v1.AttachedVolume config=11core/v1.NodeConfigStatus runtimeHandlers=12?[]core/v1.NodeRuntimeHandler features=13core/v1.NodeFeatures declaredFeatures=14?[]s
core/v1.NodeSwapStatus capacity=1i
core/v1.NodeSystemInfo machineID=1s systemUUID=2s bootID=3s kernelVersion=4s osImage=5s containerRuntimeVersion=6s kubeletVersion=7s kubeProxyVersion=8s operatingSystem=9s architecture=10s swap=11core/v1.NodeSwapStatus
core/v1.ObjectFieldSelector apiVersion=1?s fieldPath=2s
core/v1.ObjectReference kind=1?s namespace=2?s name=3?s uid=4?s apiVersion=5?s resourceVersion=6?s fieldPath=7?s
core/v1.PersistentVolume metadata=1?meta/v1.ObjectMeta spec=2?core/v1.PersistentVolumeSpec status=3?core/v1.PersistentVolumeStatus
core/v1.PersistentVolumeClaim metadata=1?meta/v1.ObjectMeta spec=2?core/v1.PersistentVolumeClaimSpec status=3?core/v1.PersistentVolumeClaimStatus
core/v1.PersistentVolumeClaimCondition type=1s status=2s lastProbeTime=3?time lastTransitionTime=4?time reason=5?s message=6?s
core/v1.PersistentVolumeClaimSpec accessModes=1?[]s selector=4meta/v1.LabelSelector resources=2?core/v1.VolumeResourceRequirements volumeName=3?s storageClassName=5s volumeMode=6s dataSource=7core/v1.TypedLocalObjectReference dataSourceRef=8core/v1.TypedObjectReference volumeAttributesClassName=9s
core/v1.PersistentVolumeClaimStatus phase=1?s accessModes=2?[]s capacity=3?{}quantity conditions=4?[]core/v1.PersistentVolumeClaimCondition allocatedResources=5?{}quantity allocatedResourceStatuses=7?{}s currentVolumeAttributesClassName=8s modifyVolumeStatus=9core/v1.ModifyVolumeStatus healthStatus=10core/v1.VolumeHealthStatus
core/v1.PersistentVolumeClaimTemplate metadata=1?meta/v1.ObjectMeta spec=2core/v1.PersistentVolumeClaimSpec
core/v1.PersistentVolumeClaimVolumeSource claimName=1s readOnly=2?b
core/v1.PersistentVolumeSource gcePersistentDisk=1core/v1.GCEPersistentDiskVolumeSource awsElasticBlockStore=2core/v1.AWSElasticBlockStoreVolumeSource hostPath=3core/v1.HostPathVolumeSource glusterfs=4core/v1.GlusterfsPersistentVolumeSource nfs=5core/v1.NFSVolumeSource rbd=6core/v1.RBDPersistentVolumeSource iscsi=7core/v1.ISCSIPersistentVolumeSource cinder=8core/v1.CinderPersistentVolumeSource cephfs=9core/v1.CephFSPersistentVolumeSource fc=10core/v1.FCVolumeSource flocker=11core/v1.FlockerVolumeSource flexVolume=12core/v1.FlexPersistentVolumeSource azureFile=13core/v1.AzureFilePersistentVolumeSource vsphereVolume=14core/v1.VsphereVirtualDiskVolumeSource quobyte=15core/v1.QuobyteVolumeSource azureDisk=16core/v1.AzureDiskVolumeSource photonPersistentDisk=17core/v1.PhotonPersistentDiskVolumeSource portworxVolume=18core/v1.PortworxVolumeSource scaleIO=19core/v1.ScaleIOPersistentVolumeSource local=20core/v1.LocalVolumeSource storageos=21core/v1.StorageOSPersistentVolumeSource csi=22core/v1.CSIPersistentVolumeSource
core/v1.PersistentVolumeSpec capacity=1?{}quantity ~2=2core/v1.PersistentVolumeSource accessModes=3?[]s claimRef=4core/v1.ObjectReference persistentVolumeReclaimPolicy=5?s storageClassName=6?s mountOptions=7?[]s volumeMode=8s nodeAffinity=9core/v1.VolumeNodeAffinity volumeAttributesClassName=10s
core/v1.PersistentVolumeStatus phase=1?s message=2?s reason=3?s lastPhaseTransitionTime=4time
core/v1.PhotonPersistentDiskVolumeSource pdID=1s fsType=2?s
core/v1.Pod metadata=1?meta/v1.ObjectMeta spec=2?core/v1.PodSpec status=3?core/v1.PodStatus
core/v1.PodAffinity requiredDuringSchedulingIgnoredDuringExecution=1?[]core/v1.PodAffinityTerm preferredDuringSchedulingIgnoredDuringExecution=2?[]core/v1.WeightedPodAffinityTerm
core/v1.PodAffinityTerm labelSelector=1meta/v1.LabelSelector namespaces=2?[]s topologyKey=3s namespaceSelector=4meta/v1.LabelSelector matchLabelKeys=5?[]s mismatchLabelKeys=6?[]s
core/v1.PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution=1?[]core/v1.PodAffinityTerm preferredDuringSchedulingIgnoredDuringExecution=2?[]core/v1.WeightedPodAffinityTerm
core/v1.PodCertificateProjection signerName=1?s keyType=2?s maxExpirationSeconds=3i credentialBundlePath=4?s keyPath=5?s certificateChainPath=6?s userAnnotations=7?{}s user=8i
core/v1.PodCondition type=1s observedGeneration=7?i status=2s lastProbeTime=3?time lastTransitionTime=4?time reason=5?s message=6?s
core/v1.PodDNSConfig nameservers=1?[]s searches=2?[]s options=3?[]core/v1.PodDNSConfigOption
core/v1.PodDNSConfigOption name=1?s value=2s
core/v1.PodExtendedResourceClaimStatus requestMappings=1[]core/v1.ContainerExtendedResourceRequest resourceClaimName=2s
core/v1.PodIP ip=1s
core/v1.PodOS name=1s
core/v1.PodReadinessGate conditionType=1s
core/v1.PodResourceClaim name=1s resourceClaimName=3s resourceClaimTemplateName=4s
core/v1.PodResourceClaimStatus name=1s resourceClaimName=2s
core/v1.PodSchedulingGate name=1s
core/v1.PodSchedulingGroup podGroupName=1s
core/v1.PodSecurityContext seLinuxOptions=1core/v1.SELinuxOptions windowsOptions=8core/v1.WindowsSecurityContextOptions runAsUser=2i runAsGroup=6i runAsNonRoot=3b supplementalGroups=4?[]i supplementalGroupsPolicy=12s fsGroup=5i sysctls=7?[]core/v1.Sysctl fsGroupChangePolicy=9s seccompProfile=10core/v1.SeccompProfile appArmorProfile=11core/v1.AppArmorProfile seLinuxChangePolicy=13s
core/v1.PodSpec volumes=1?[]core/v1.Volume initContainers=20?[]core/v1.Container containers=2[]core/v1.Container ephemeralContainers=34?[]core/v1.EphemeralContainer restartPolicy=3?s terminationGracePeriodSeconds=4i activeDeadlineSeconds=5i dnsPolicy=6?s nodeSelector=7?{}s serviceAccountName=8?s serviceAccount=9?s automountServiceAccountToken=21b nodeName=10?s hostNetwork=11?b hostPID=12?b hostIPC=13?b shareProcessNamespace=27b securityContext=14core/v1.PodSecurityContext imagePullSecrets=15?[]core/v1.LocalObjectReference hostname=16?s subdomain=17?s affinity=18core/v1.Affinity schedulerName=19?s tolerations=22?[]core/v1.Toleration hostAliases=23?[]core/v1.HostAlias priorityClassName=24?s priority=25i dnsConfig=26core/v1.PodDNSConfig readinessGates=28?[]core/v1.PodReadinessGate runtimeClassName=29s enableServiceLinks=30b preemptionPolicy=31s overhead=32?{}quantity topologySpreadConstraints=33?[]core/v1.TopologySpreadConstraint setHostnameAsFQDN=35b os=36core/v1.PodOS hostUsers=37b schedulingGates=38?[]core/v1.PodSchedulingGate resourceClaims=39?[]core/v1.PodResourceClaim resources=40core/v1.ResourceRequirements hostnameOverride=41s schedulingGroup=43core/v1.PodSchedulingGroup evictionResponders=44?[]core/v1.EvictionResponder
core/v1.PodStatus observedGeneration=17?i phase=1?s conditions=2?[]core/v1.PodCondition message=3?s reason=4?s nominatedNodeName=11?s hostIP=5?s hostIPs=16?[]core/v1.HostIP podIP=6?s podIPs=12?[]core/v1.PodIP startTime=7time initContainerStatuses=10?[]core/v1.ContainerStatus containerStatuses=8?[]core/v1.ContainerStatus qosClass=9?s ephemeralContainerStatuses=13?[]core/v1.ContainerStatus resize=14?s resourceClaimStatuses=15?[]core/v1.PodResourceClaimStatus extendedResourceClaimStatus=18core/v1.PodExtendedResourceClaimStatus allocatedResources=19?{}quantity resources=20core/v1.ResourceRequirements nodeAllocatableResourceClaimStatuses=21?[]core/v1.NodeAllocatableResourceClaimStatus volumeHealth=22?[]core/v1.PodVolumeHealth
core/v1.PodTemplate metadata=1?meta/v1.ObjectMeta template=2?core/v1.PodTemplateSpec
core/v1.PodTemplateSpec metadata=1?meta/v1.ObjectMeta spec=2?core/v1.PodSpec
core/v1.PodVolumeHealth name=1s healthConditions=2?[]core/v1.VolumeHealthCondition lastTransitionTime=3?time
core/v1.PortStatus port=1i protocol=2s error=3s
core/v1.PortworxVolumeSource volumeID=1s fsType=2?s readOnly=3?b
core/v1.PreferredSchedulingTerm weight=1i preference=2core/v1.NodeSelectorTerm
core/v1.Probe ~1=1core/v1.ProbeHandler initialDelaySeconds=2?i timeoutSeconds=3?i periodSeconds=4?i successThreshold=5?i failureThreshold=6?i terminationGracePeriodSeconds=7i
core/v1.ProbeHandler exec=1core/v1.ExecAction httpGet=2core/v1.HTTPGetAction tcpSocket=3core/v1.TCPSocketAction grpc=4core/v1.GRPCAction
core/v1.ProjectedVolumeSource sources=1[]core/v1.VolumeProjection defaultMode=2i defaultUser=3i
core/v1.QuobyteVolumeSource registry=1s volume=2s readOnly=3?b user=4?s group=5?s tenant=6?s
core/v1.RBDPersistentVolumeSource monitors=1[]s image=2s fsType=3?s pool=4?s user=5?s keyring=6?s secretRef=7core/v1.SecretReference readOnly=8?b
core/v1.RBDVolumeSource monitors=1[]s image=2s fsType=3?s pool=4?s user=5?s keyring=6?s secretRef=7core/v1.LocalObjectReference readOnly=8?b
core/v1.ReplicationController metadata=1?meta/v1.ObjectMeta spec=2?core/v1.ReplicationControllerSpec status=3?core/v1.ReplicationControllerStatus
core/v1.ReplicationControllerCondition type=1s status=2s lastTransitionTime=3?time reason=4?s message=5?s
core/v1.ReplicationControllerSpec replicas=1i minReadySeconds=4?i selector=2?{}s template=3core/v1.PodTemplateSpec
core/v1.ReplicationControllerStatus replicas=1i fullyLabeledReplicas=2?i readyReplicas=4?i availableReplicas=5?i observedGeneration=3?i conditions=6?[]core/v1.ReplicationControllerCondition
core/v1.ResourceClaim name=1s request=2?s
core/v1.ResourceFieldSelector containerName=1?s resource=2s divisor=3?quantity
core/v1.ResourceHealth resourceID=1s health=2?s message=6s
core/v1.ResourceQuota metadata=1?meta/v1.ObjectMeta spec=2?core/v1.ResourceQuotaSpec status=3?core/v1.ResourceQuotaStatus
core/v1.ResourceQuotaSpec hard=1?{}quantity scopes=2?[]s scopeSelector=3core/v1.ScopeSelector
core/v1.ResourceQuotaStatus hard=1?{}quantity used=2?{}quantity
core/v1.ResourceRequirements limits=1?{}quantity requests=2?{}quantity claims=3?[]core/v1.ResourceClaim
core/v1.ResourceStatus name=1s resources=2?[]core/v1.ResourceHealth
core/v1.SELinuxOptions user=1?s role=2?s type=3?s level=4?s
core/v1.ScaleIOPersistentVolumeSource gateway=1s system=2s secretRef=3core/v1.SecretReference sslEnabled=4?b protectionDomain=5?s storagePool=6?s storageMode=7?s volumeName=8?s fsType=9?s readOnly=10?b
core/v1.ScaleIOVolumeSource gateway=1s system=2s secretRef=3core/v1.LocalObjectReference sslEnabled=4?b protectionDomain=5?s storagePool=6?s storageMode=7?s volumeName=8?s fsType=9?s readOnly=10?b
core/v1.ScopeSelector matchExpressions=1?[]core/v1.ScopedResourceSelectorRequirement
core/v1.ScopedResourceSelectorRequirement scopeName=1s operator=2s values=3?[]s
core/v1.SeccompProfile type=1s localhostProfile=2s
core/v1.Secret metadata=1?meta/v1.ObjectMeta immutable=5b data=2?{}y stringData=4?{}s type=3?s
core/v1.SecretEnvSource ~1=1core/v1.LocalObjectReference optional=2b
core/v1.SecretKeySelector ~1=1core/v1.LocalObjectReference key=2s optional=3b
core/v1.SecretProjection ~1=1core/v1.LocalObjectReference items=2?[]core/v1.KeyToPath optional=4b
core/v1.SecretReference name=1?s namespace=2?s
core/v1.SecretVolumeSource secretName=1?s items=2?[]core/v1.KeyToPath defaultMode=3i optional=4b defaultUser=5i
core/v1.SecurityContext capabilities=1core/v1.Capabilities privileged=2b seLinuxOptions=3core/v1.SELinuxOptions windowsOptions=10core/v1.WindowsSecurityContextOptions runAsUser=4i runAsGroup=8i runAsNonRoot=5b readOnlyRootFilesystem=6b allowPrivilegeEscalation=7b procMount=9s seccompProfile=11core/v1.SeccompProfile appArmorProfile=12core/v1.AppArmorProfile
core/v1.Service metadata=1?meta/v1.ObjectMeta spec=2?core/v1.ServiceSpec status=3?core/v1.ServiceStatus
core/v1.ServiceAccount metadata=1?meta/v1.ObjectMeta secrets=2?[]core/v1.ObjectReference imagePullSecrets=3?[]core/v1.LocalObjectReference automountServiceAccountToken=4b
core/v1.ServiceAccountTokenProjection audience=1?s expirationSeconds=2i path=3s user=4i
core/v1.ServicePort name=1?s protocol=2?s appProtocol=6s port=3i targetPort=4?intOrString nodePort=5?i
core/v1.ServiceSpec ports=1?[]core/v1.ServicePort selector=2?{}s clusterIP=3?s clusterIPs=18?[]s type=4?s externalIPs=5?[]s sessionAffinity=7?s loadBalancerIP=8?s loadBalancerSourceRanges=9?[]s externalName=10?s externalTrafficPolicy=11?s healthCheckNodePort=12?i publishNotReadyAddresses=13?b sessionAffinityConfig=14core/v1.SessionAffinityConfig ipFamilies=19?[]s ipFamilyPolicy=17s allocateLoadBalancerNodePorts=20b loadBalancerClass=21s internalTrafficPolicy=22s trafficDistribution=23s
core/v1.ServiceStatus loadBalancer=1?core/v1.LoadBalancerStatus conditions=2?[]meta/v1.Condition
core/v1.SessionAffinityConfig clientIP=1core/v1.ClientIPConfig
core/v1.SleepAction seconds=1i
core/v1.StorageOSPersistentVolumeSource volumeName=1?s volumeNamespace=2?s fsType=3?s readOnly=4?b secretRef=5core/v1.ObjectReference
core/v1.StorageOSVolumeSource volumeName=1?s volumeNamespace=2?s fsType=3?s readOnly=4?b secretRef=5core/v1.LocalObjectReference
core/v1.Sysctl name=1s value=2s
core/v1.TCPSocketAction port=1intOrString host=2?s
core/v1.Taint key=1s value=2?s effect=3s timeAdded=4time
core/v1.Toleration key=1?s operator=2?s value=3?s effect=4?s tolerationSeconds=5i
core/v1.TopologySelectorLabelRequirement key=1s values=2[]s
core/v1.TopologySelectorTerm matchLabelExpressions=1?[]core/v1.TopologySelectorLabelRequirement
core/v1.TopologySpreadConstraint maxSkew=1i topologyKey=2s whenUnsatisfiable=3s labelSelector=4meta/v1.LabelSelector minDomains=5i nodeAffinityPolicy=6s nodeTaintsPolicy=7s matchLabelKeys=8?[]s
core/v1.TypedLocalObjectReference apiGroup=1s kind=2s name=3s
core/v1.TypedObjectReference apiGroup=1s kind=2s name=3s namespace=4s
core/v1.Volume name=1s ~2=2core/v1.VolumeSource
core/v1.VolumeDevice name=1s devicePath=2s
core/v1.VolumeHealthCondition status=1s reason=2s message=3?s
core/v1.VolumeHealthStatus healthConditions=1?[]core/v1.VolumeHealthCondition lastTransitionTime=2?time
core/v1.VolumeMount name=1s readOnly=2?b recursiveReadOnly=7s mountPath=3s subPath=4?s mountPropagation=5s subPathExpr=6?s bindMountOptions=8?[]s
core/v1.VolumeMountStatus name=1s mountPath=2s readOnly=3?b recursiveReadOnly=4s volumeStatus=5core/v1.VolumeStatus
core/v1.VolumeNodeAffinity required=1core/v1.NodeSelector
core/v1.VolumeProjection secret=1core/v1.SecretProjection downwardAPI=2core/v1.DownwardAPIProjection configMap=3core/v1.ConfigMapProjection serviceAccountToken=4core/v1.ServiceAccountTokenProjection clusterTrustBundle=5core/v1.ClusterTrustBundleProjection podCertificate=6core/v1.PodCertificateProjection
core/v1.VolumeResourceRequirements limits=1?{}quantity requests=2?{}quantity
core/v1.VolumeSource hostPath=1core/v1.HostPathVolumeSource emptyDir=2core/v1.EmptyDirVolumeSource gcePersistentDisk=3core/v1.GCEPersistentDiskVolumeSource awsElasticBlockStore=4core/v1.AWSElasticBlockStoreVolumeSource gitRepo=5core/v1.GitRepoVolumeSource secret=6core/v1.SecretVolumeSource nfs=7core/v1.NFSVolumeSource iscsi=8core/v1.ISCSIVolumeSource glusterfs=9core/v1.GlusterfsVolumeSource persistentVolumeClaim=10core/v1.PersistentVolumeClaimVolumeSource rbd=11core/v1.RBDVolumeSource flexVolume=12core/v1.FlexVolumeSource cinder=13core/v1.CinderVolumeSource cephfs=14core/v1.CephFSVolumeSource flocker=15core/v1.FlockerVolumeSource downwardAPI=16core/v1.DownwardAPIVolumeSource fc=17core/v1.FCVolumeSource azureFile=18core/v1.AzureFileVolumeSource configMap=19core/v1.ConfigMapVolumeSource vsphereVolume=20core/v1.VsphereVirtualDiskVolumeSource quobyte=21core/v1.QuobyteVolumeSource azureDisk=22core/v1.AzureDiskVolumeSource photonPersistentDisk=23core/v1.PhotonPersistentDiskVolumeSource projected=26core/v1.ProjectedVolumeSource portworxVolume=24core/v1.PortworxVolumeSource scaleIO=25core/v1.ScaleIOVolumeSource storageos=27core/v1.StorageOSVolumeSource csi=28core/v1.CSIVolumeSource ephemeral=29core/v1.EphemeralVolumeSource image=30core/v1.ImageVolumeSource
core/v1.VolumeStatus image=1core/v1.ImageVolumeStatus
core/v1.VsphereVirtualDiskVolumeSource volumePath=1s fsType=2?s storagePolicyName=3?s storagePolicyID=4?s
core/v1.WeightedPodAffinityTerm weight=1i podAffinityTerm=2core/v1.PodAffinityTerm
core/v1.WindowsSecurityContextOptions gmsaCredentialSpecName=1s gmsaCredentialSpec=2s runAsUserName=3s hostProcess=4b
discovery/v1.Endpoint addresses=1[]s conditions=2?discovery/v1.EndpointConditions hostname=3s targetRef=4core/v1.ObjectReference deprecatedTopology=5?{}s nodeName=6s zone=7s hints=8discovery/v1.EndpointHints
discovery/v1.EndpointConditions ready=1b serving=2b terminating=3b
discovery/v1.EndpointHints forZones=1?[]discovery/v1.ForZone forNodes=2?[]discovery/v1.ForNode
discovery/v1.EndpointPort name=1s protocol=2s port=3i appProtocol=4s
discovery/v1.EndpointSlice metadata=1?meta/v1.ObjectMeta addressType=4s endpoints=2[]discovery/v1.Endpoint ports=3[]discovery/v1.EndpointPort
discovery/v1.ForNode name=1s
discovery/v1.ForZone name=1s
meta/v1.Condition type=1s status=2s observedGeneration=3?i lastTransitionTime=4time reason=5s message=6s
meta/v1.DeleteOptions gracePeriodSeconds=1i preconditions=2meta/v1.Preconditions orphanDependents=3b propagationPolicy=4s dryRun=5?[]s ignoreStoreReadErrorWithClusterBreakingPotential=6b
meta/v1.FieldSelectorRequirement key=1s operator=2s values=3?[]s
meta/v1.LabelSelector matchLabels=1?{}s matchExpressions=2?[]meta/v1.LabelSelectorRequirement
meta/v1.LabelSelectorRequirement key=1s operator=2s values=3?[]s
meta/v1.ManagedFieldsEntry manager=1?s operation=2?s apiVersion=3?s time=4time fieldsType=6?s fieldsV1=7json subresource=8?s
meta/v1.ObjectMeta name=1?s generateName=2?s namespace=3?s selfLink=4?s uid=5?s resourceVersion=6?s generation=7?i creationTimestamp=8?time deletionTimestamp=9time deletionGracePeriodSeconds=10i labels=11?{}s annotations=12?{}s ownerReferences=13?[]meta/v1.OwnerReference finalizers=14?[]s managedFields=17?[]meta/v1.ManagedFieldsEntry
meta/v1.OwnerReference apiVersion=5s kind=1s name=3s uid=4s controller=6b blockOwnerDeletion=7b
meta/v1.Preconditions uid=1s resourceVersion=2s
networking/v1.HTTPIngressPath path=1?s pathType=3s backend=2networking/v1.IngressBackend
networking/v1.HTTPIngressRuleValue paths=1[]networking/v1.HTTPIngressPath
networking/v1.IPBlock cidr=1s except=2?[]s
networking/v1.Ingress metadata=1?meta/v1.ObjectMeta spec=2?networking/v1.IngressSpec status=3?networking/v1.IngressStatus
networking/v1.IngressBackend service=4networking/v1.IngressServiceBackend resource=3core/v1.TypedLocalObjectReference
networking/v1.IngressClass metadata=1?meta/v1.ObjectMeta spec=2?networking/v1.IngressClassSpec
networking/v1.IngressClassParametersReference apiGroup=1s kind=2s name=3s scope=4s namespace=5s
networking/v1.IngressClassSpec controller=1?s parameters=2networking/v1.IngressClassParametersReference
networking/v1.IngressLoadBalancerIngress ip=1?s hostname=2?s ports=4?[]networking/v1.IngressPortStatus
networking/v1.IngressLoadBalancerStatus ingress=1?[]networking/v1.IngressLoadBalancerIngress
networking/v1.IngressPortStatus port=1i protocol=2s error=3s
networking/v1.IngressRule host=1?s ~2=2networking/v1.IngressRuleValue
networking/v1.IngressRuleValue http=1networking/v1.HTTPIngressRuleValue
networking/v1.IngressServiceBackend name=1s port=2?networking/v1.ServiceBackendPort
networking/v1.IngressSpec ingressClassName=4s defaultBackend=1networking/v1.IngressBackend tls=2?[]networking/v1.IngressTLS rules=3?[]networking/v1.IngressRule
networking/v1.IngressStatus loadBalancer=1?networking/v1.IngressLoadBalancerStatus
networking/v1.IngressTLS hosts=1?[]s secretName=2?s
networking/v1.NetworkPolicy metadata=1?meta/v1.ObjectMeta spec=2?networking/v1.NetworkPolicySpec
networking/v1.NetworkPolicyEgressRule ports=1?[]networking/v1.NetworkPolicyPort to=2?[]networking/v1.NetworkPolicyPeer
networking/v1.NetworkPolicyIngressRule ports=1?[]networking/v1.NetworkPolicyPort from=2?[]networking/v1.NetworkPolicyPeer
networking/v1.NetworkPolicyPeer podSelector=1meta/v1.LabelSelector namespaceSelector=2meta/v1.LabelSelector ipBlock=3networking/v1.IPBlock
networking/v1.NetworkPolicyPort protocol=1s port=2intOrString endPort=3i
networking/v1.NetworkPolicySpec podSelector=1meta/v1.LabelSelector ingress=2?[]networking/v1.NetworkPolicyIngressRule egress=3?[]networking/v1.NetworkPolicyEgressRule policyTypes=4?[]s
networking/v1.ServiceBackendPort name=1?s number=2?i
policy/v1.Eviction metadata=1?meta/v1.ObjectMeta deleteOptions=2meta/v1.DeleteOptions
policy/v1.PodDisruptionBudget metadata=1?meta/v1.ObjectMeta spec=2?policy/v1.PodDisruptionBudgetSpec status=3?policy/v1.PodDisruptionBudgetStatus
policy/v1.PodDisruptionBudgetSpec minAvailable=1intOrString selector=2meta/v1.LabelSelector maxUnavailable=3intOrString unhealthyPodEvictionPolicy=4s
policy/v1.PodDisruptionBudgetStatus observedGeneration=1?i disruptedPods=2?{}time disruptionsAllowed=3i currentHealthy=4i desiredHealthy=5i expectedPods=6i conditions=7?[]meta/v1.Condition
rbac/v1.AggregationRule clusterRoleSelectors=1?[]meta/v1.LabelSelector
rbac/v1.ClusterRole metadata=1?meta/v1.ObjectMeta rules=2[]rbac/v1.PolicyRule aggregationRule=3rbac/v1.AggregationRule
rbac/v1.ClusterRoleBinding metadata=1?meta/v1.ObjectMeta subjects=2?[]rbac/v1.Subject roleRef=3rbac/v1.RoleRef
rbac/v1.PolicyRule verbs=1[]s apiGroups=2?[]s resources=3?[]s resourceNames=4?[]s nonResourceURLs=5?[]s
rbac/v1.Role metadata=1?meta/v1.ObjectMeta rules=2[]rbac/v1.PolicyRule
rbac/v1.RoleBinding metadata=1?meta/v1.ObjectMeta subjects=2?[]rbac/v1.Subject roleRef=3rbac/v1.RoleRef
rbac/v1.RoleRef apiGroup=1s kind=2s name=3s
rbac/v1.Subject kind=1s apiGroup=2?s name=3s namespace=4?s
scheduling/v1.PriorityClass metadata=1?meta/v1.ObjectMeta value=2i globalDefault=3?b description=4?s preemptionPolicy=5s
storage/v1.StorageClass metadata=1?meta/v1.ObjectMeta provisioner=2s parameters=3?{}s reclaimPolicy=4s mountOptions=5?[]s allowVolumeExpansion=6b volumeBindingMode=7s allowedTopologies=8?[]core/v1.TopologySelectorTerm
`;
