//! The gRPC service: one line per RPC here, what it does in the module of its area.

// `rpcs!` awaits every handler alike.
#![allow(clippy::unused_async)]

mod account;
mod boxes;
mod disks;
mod domains;
mod exec;
mod files;
mod logs;
mod networks;
mod ports;
mod proxies;
mod status;
mod templates;

use std::sync::Arc;

use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Response, Status, Streaming};

use crate::boxes::Boxes;
use crate::console::Consoles;
use crate::credentials::{Caller, Credentials};
use crate::store::Store;
use crate::wire;
use crate::wire::boxd_api_server::{BoxdApi, BoxdApiServer};

/// What the published clients allow in either direction.
const MESSAGE_BYTES: usize = 64 << 20;

/// What every RPC works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) boxes: Boxes,
    pub(crate) consoles: Consoles,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) store: Store,
    /// The port of the boxes' URLs.
    pub(crate) web_port: u16,
}

/// The service, closed to everyone without a live JWT.
pub(crate) fn service(api: Api) -> Service {
    let credentials = Arc::clone(&api.credentials);
    let server = BoxdApiServer::new(api)
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES);
    InterceptedService::new(server, Gate(credentials))
}

pub(crate) type Service = InterceptedService<BoxdApiServer<Api>, Gate>;

/// Lets a call pass, with its [`Caller`], or answers UNAUTHENTICATED.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Credentials>);

impl tonic::service::Interceptor for Gate {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let authorization = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let caller = self.0.authenticate(authorization)?;
        request.extensions_mut().insert(caller);
        Ok(request)
    }
}

type Stream<T> = tonic::codegen::BoxStream<T>;

/// The trait's methods: from a table, and the others as they are. What is in neither is UNIMPLEMENTED.
macro_rules! rpcs {
    (
        unary { $($name:ident($request:ident) -> $response:ident = $handler:path;)* }
        other { $($other:tt)* }
    ) => {
        #[tonic::async_trait]
        impl BoxdApi for Api {
            $(async fn $name(
                &self,
                request: Request<wire::$request>,
            ) -> Result<Response<wire::$response>, Status> {
                $handler(self, request.into_inner()).await.map(Response::new)
            })*
            $($other)*
        }
    };
}

rpcs! {
    unary {
        create_vm(CreateVmRequest) -> CreateVmResponse = boxes::create;
        get_vm(GetVmRequest) -> GetVmResponse = boxes::get;
        list_vms(ListVmsRequest) -> ListVmsResponse = boxes::list;
        destroy_vm(DestroyVmRequest) -> DestroyVmResponse = boxes::destroy;
        start_vm(StartVmRequest) -> StartVmResponse = boxes::start;
        stop_vm(StopVmRequest) -> StopVmResponse = boxes::stop;
        reboot_vm(RebootVmRequest) -> RebootVmResponse = boxes::reboot;
        suspend_vm(SuspendVmRequest) -> SuspendVmResponse = boxes::suspend;
        resume_vm(ResumeVmRequest) -> ResumeVmResponse = boxes::resume;
        fork_vm(ForkVmRequest) -> ForkVmResponse = boxes::fork;
        rename_vm(RenameVmRequest) -> RenameVmResponse = boxes::rename;
        suggest_vm_name(SuggestVmNameRequest) -> SuggestVmNameResponse = boxes::suggest_name;
        set_auto_suspend_timeout(SetAutoSuspendTimeoutRequest) -> SetAutoSuspendTimeoutResponse
            = boxes::set_auto_suspend;
        hibernate_vm(HibernateVmRequest) -> HibernateVmResponse = boxes::hibernate;
        wake_vm(WakeVmRequest) -> WakeVmResponse = boxes::wake;
        set_auto_hibernate_timeout(SetAutoHibernateTimeoutRequest) -> SetAutoHibernateTimeoutResponse
            = boxes::set_auto_hibernate;

        upload_file(UploadFileRequest) -> UploadFileResponse = files::upload;
        download_file(DownloadFileRequest) -> DownloadFileResponse = files::download;
        list_dir(ListDirRequest) -> ListDirResponse = files::list_dir;
        mkdir(MkdirRequest) -> MkdirResponse = files::mkdir;
        rename_path(RenamePathRequest) -> RenamePathResponse = files::rename;
        delete_path(DeletePathRequest) -> DeletePathResponse = files::delete;
        copy_path(CopyPathRequest) -> CopyPathResponse = files::copy;

        create_proxy(CreateProxyRequest) -> CreateProxyResponse = proxies::create;
        list_proxies(ListProxiesRequest) -> ListProxiesResponse = proxies::list;
        set_proxy_port(SetProxyPortRequest) -> SetProxyPortResponse = proxies::set_port;
        delete_proxy(DeleteProxyRequest) -> DeleteProxyResponse = proxies::delete;
        bind_domain(BindDomainRequest) -> BindDomainResponse = domains::bind;
        list_domains(ListDomainsRequest) -> ListDomainsResponse = domains::list;
        unbind_domain(UnbindDomainRequest) -> UnbindDomainResponse = domains::unbind;
        add_custom_domain(AddCustomDomainRequest) -> AddCustomDomainResponse = domains::add_custom;
        list_custom_domains(ListCustomDomainsRequest) -> ListCustomDomainsResponse = domains::list_custom;
        remove_custom_domain(RemoveCustomDomainRequest) -> RemoveCustomDomainResponse = domains::remove_custom;

        expose_port(ExposePortRequest) -> ExposePortResponse = ports::expose;
        unexpose_port(UnexposePortRequest) -> UnexposePortResponse = ports::unexpose;
        list_exposed_ports(ListExposedPortsRequest) -> ListExposedPortsResponse = ports::list;

        create_template(CreateTemplateRequest) -> CreateTemplateResponse = templates::create;
        list_templates(ListTemplatesRequest) -> ListTemplatesResponse = templates::list;
        delete_template(DeleteTemplateRequest) -> DeleteTemplateResponse = templates::delete;
        create_vm_from_template(CreateVmFromTemplateRequest) -> CreateVmFromTemplateResponse
            = templates::create_vm;

        create_disk(CreateDiskRequest) -> CreateDiskResponse = disks::create;
        list_disks(ListDisksRequest) -> ListDisksResponse = disks::list;
        attach_disk(AttachDiskRequest) -> AttachDiskResponse = disks::attach;
        detach_disk(DetachDiskRequest) -> DetachDiskResponse = disks::detach;
        destroy_disk(DestroyDiskRequest) -> DestroyDiskResponse = disks::destroy;

        create_network(CreateNetworkRequest) -> CreateNetworkResponse = networks::create;
        list_networks(ListNetworksRequest) -> ListNetworksResponse = networks::list;

        whoami(WhoamiRequest) -> WhoamiResponse = account::whoami;
        get_config(GetConfigRequest) -> GetConfigResponse = account::config;
        list_tokens(ListTokensRequest) -> ListTokensResponse = account::list_tokens;
        revoke_token(RevokeTokenRequest) -> RevokeTokenResponse = account::revoke_token;
        create_api_key(CreateApiKeyRequest) -> CreateApiKeyResponse = account::create_api_key;
        list_api_keys(ListApiKeysRequest) -> ListApiKeysResponse = account::list_api_keys;
        delete_api_key(DeleteApiKeyRequest) -> DeleteApiKeyResponse = account::delete_api_key;
    }
    other {
        async fn create_token(
            &self,
            request: Request<wire::CreateTokenRequest>,
        ) -> Result<Response<wire::CreateTokenResponse>, Status> {
            let caller = request.extensions().get::<Caller>().cloned();
            let caller = caller.ok_or_else(|| Status::unauthenticated("no caller"))?;
            account::create_token(self, &caller, request.into_inner()).await.map(Response::new)
        }

        async fn exec(
            &self,
            request: Request<Streaming<wire::ExecChunk>>,
        ) -> Result<Response<Stream<wire::ExecChunk>>, Status> {
            exec::exec(self, request.into_inner()).await.map(Response::new)
        }

        async fn upload_file_stream(
            &self,
            request: Request<Streaming<wire::UploadFileChunk>>,
        ) -> Result<Response<wire::UploadFileResponse>, Status> {
            files::upload_stream(self, request.into_inner()).await.map(Response::new)
        }

        async fn download_file_stream(
            &self,
            request: Request<wire::DownloadFileRequest>,
        ) -> Result<Response<Stream<wire::DownloadFileChunk>>, Status> {
            files::download_stream(self, request.into_inner()).await.map(Response::new)
        }

        async fn stream_logs(
            &self,
            request: Request<wire::StreamLogsRequest>,
        ) -> Result<Response<Stream<wire::LogChunk>>, Status> {
            logs::stream(self, request.into_inner()).await.map(Response::new)
        }
    }
}
